//! `baton revoke`: tokens that were good are refused from now on.

use std::process::ExitCode;

use baton_shared::control::message::Revoking;
use baton_shared::log::escape;

use super::args::RevokeArgs;
use super::{EXIT_FAILED, output, target};

pub(super) fn run(args: &RevokeArgs) -> ExitCode {
    let wanted = if args.check { Revoking::Look } else { Revoking::Revoke };
    target::with(&args.target, async |client| {
        let revoked = client.revocations(args.entries.clone(), wanted, args.timeout).await?;
        let Some(revoked) = revoked else {
            output::err(
                "ERROR: the configuration that serves has no `auth/revoker`: nothing can be revoked",
            );
            return Ok(ExitCode::from(EXIT_FAILED));
        };
        for (entry, is_revoked) in args.entries.iter().zip(&revoked) {
            let entry = escape(entry);
            match (is_revoked, wanted) {
                (true, _) => output::out(format_args!("{entry}: revoked")),
                (false, Revoking::Look) => output::out(format_args!("{entry}: not revoked")),
                (false, Revoking::Revoke) => output::err(format_args!(
                    "ERROR: `{entry}` is looked for in no token: it begins with none of `token_keys` and a hyphen"
                )),
            }
        }
        let all = revoked.iter().all(|is_revoked| *is_revoked);
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
    })
}
