//! The commands' end of the control socket. Every wait has the deadline that the person gave.

use std::io;
use std::time::Duration;

use baton_shared::control::message::Revoking;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::protocol::{self, RESPONSE_BYTES_MAX, Request, Response};
use crate::reload::report::{Report, Status};
use crate::trigger::Wait;

/// A connection to a running gateway; good for one request.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The gateway does not want to.
    #[error("{0}")]
    Denied(String),
    /// The answer did not come in time; what was asked for goes on.
    #[error("no answer in time")]
    TimedOut,
    /// The gateway ended, or spoke nonsense.
    #[error("the connection to the gateway broke")]
    Broken(#[source] io::Error),
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Broken(error),
        }
    }
}

impl Client {
    /// Talks over `stream`.
    #[must_use]
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Asks for a reload and waits for its end.
    ///
    /// # Errors
    /// [`ClientError`]; a refused configuration is no error here, the report says so.
    pub async fn reload(
        mut self,
        wait: Wait,
        force: bool,
        deadline: Duration,
    ) -> Result<Report, ClientError> {
        match self.ask(&Request::Reload { wait, force }, deadline).await? {
            Some(Response::Report(report)) => Ok(report),
            other => Err(unexpected(other)),
        }
    }

    /// Asks how the gateway is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(mut self, deadline: Duration) -> Result<Status, ClientError> {
        match self.ask(&Request::Status, deadline).await? {
            Some(Response::Status(status)) => Ok(status),
            other => Err(unexpected(other)),
        }
    }

    /// Revokes tokens, or looks which are revoked; `None`: this gateway has nothing to do with that.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revocations(
        mut self,
        entries: Vec<String>,
        wanted: Revoking,
        deadline: Duration,
    ) -> Result<Option<Vec<bool>>, ClientError> {
        match self.ask(&Request::Revocations { entries, wanted }, deadline).await? {
            Some(Response::Revoked { revoked }) => Ok(revoked),
            other => Err(unexpected(other)),
        }
    }

    /// Asks the gateway to end and waits until it has.
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] when requests are still in flight then: it ends all the same.
    pub async fn stop(mut self, deadline: Duration) -> Result<(), ClientError> {
        let ended = async {
            match self.ask(&Request::Stop, deadline).await? {
                Some(Response::Stopping) => {},
                other => return Err(unexpected(other)),
            }
            match self.hear(deadline).await {
                // The end of the connection is the end of the process.
                Ok(Some(Response::Stopped) | None) | Err(ClientError::Broken(_)) => Ok(()),
                Ok(other) => Err(unexpected(other)),
                Err(error) => Err(error),
            }
        };
        timeout(deadline, ended).await.unwrap_or(Err(ClientError::TimedOut))
    }

    async fn ask(
        &mut self,
        request: &Request,
        deadline: Duration,
    ) -> Result<Option<Response>, ClientError> {
        // A write that fails may still have an answer to read: why the gateway hung up.
        let written = protocol::write(&mut self.stream, request, deadline).await;
        match self.hear(deadline).await {
            Ok(None) => {
                written?;
                Ok(None)
            },
            heard => heard,
        }
    }

    async fn hear(&mut self, deadline: Duration) -> Result<Option<Response>, ClientError> {
        Ok(protocol::read(&mut self.stream, RESPONSE_BYTES_MAX, deadline).await?)
    }
}

fn unexpected(response: Option<Response>) -> ClientError {
    match response {
        Some(Response::Error { text }) => ClientError::Denied(text),
        Some(_) => ClientError::Broken(io::ErrorKind::InvalidData.into()),
        None => ClientError::Broken(io::ErrorKind::UnexpectedEof.into()),
    }
}
