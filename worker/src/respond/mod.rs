//! What the client is told: status, headers, the only place where failures become answers.
