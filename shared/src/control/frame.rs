//! The head of every datagram between our processes: `u16 kind · u16 version · u32 length · u64 txn`,
//! all little-endian, and then the body.

use super::PROTOCOL;

/// Bytes of a frame head.
pub const HEAD_BYTES: usize = 16;
/// The largest body; what is larger travels as a sealed memfd.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What is said of the body that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which vocabulary the body belongs to.
    pub kind: Kind,
    /// The reload transaction that this belongs to; 0 for none.
    pub txn: u64,
}

/// The vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Supervisor → worker.
    ToWorker = 1,
    /// Worker → supervisor.
    FromWorker = 2,
    /// Worker ↔ worker: connections handed over.
    Handover = 3,
}

impl Kind {
    const fn parse(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::ToWorker),
            2 => Some(Self::FromWorker),
            3 => Some(Self::Handover),
            _ => None,
        }
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than a head.
    #[error("a frame of {found_bytes} bytes has no head")]
    Truncated {
        /// How many came.
        found_bytes: usize,
    },
    /// A vocabulary of another version.
    #[error("protocol version {found}, this process speaks {PROTOCOL}")]
    Version {
        /// The version that the peer speaks.
        found: u16,
    },
    /// No such vocabulary.
    #[error("frame kind {found} is not known")]
    Kind {
        /// The number that came.
        found: u16,
    },
    /// The length in the head is not the length of what came, or too large.
    #[error("a frame announces {announced_bytes} bytes and carries {found_bytes}")]
    Length {
        /// What the head says.
        announced_bytes: usize,
        /// What came.
        found_bytes: usize,
    },
}

/// Puts a head before `body`.
///
/// # Errors
/// [`FrameError::Length`] when the body is larger than [`BODY_BYTES_MAX`].
pub fn encode(frame: Frame, body: &[u8]) -> Result<Vec<u8>, FrameError> {
    let too_long = FrameError::Length { announced_bytes: body.len(), found_bytes: BODY_BYTES_MAX };
    if body.len() > BODY_BYTES_MAX {
        return Err(too_long);
    }
    let length = u32::try_from(body.len()).map_err(|_large| too_long)?;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(&(frame.kind as u16).to_le_bytes());
    bytes.extend_from_slice(&PROTOCOL.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&frame.txn.to_le_bytes());
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// Takes the head off. Total: any bytes give a frame or an error, never a panic.
///
/// # Errors
/// See [`FrameError`].
pub fn decode(datagram: &[u8]) -> Result<(Frame, &[u8]), FrameError> {
    let Some((head, body)) = datagram.split_first_chunk::<HEAD_BYTES>() else {
        return Err(FrameError::Truncated { found_bytes: datagram.len() });
    };
    let [k0, k1, v0, v1, l0, l1, l2, l3, txn @ ..] = *head;
    let version = u16::from_le_bytes([v0, v1]);
    if version != PROTOCOL {
        return Err(FrameError::Version { found: version });
    }
    let number = u16::from_le_bytes([k0, k1]);
    let kind = Kind::parse(number).ok_or(FrameError::Kind { found: number })?;
    let announced = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if announced != body.len() || announced > BODY_BYTES_MAX {
        let found_bytes = body.len();
        return Err(FrameError::Length { announced_bytes: announced, found_bytes });
    }
    Ok((Frame { kind, txn: u64::from_le_bytes(txn) }, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { kind: Kind::FromWorker, txn: 77 };

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let bytes = encode(FRAME, b"{\"a\":1}").unwrap();
        assert_eq!(decode(&bytes).unwrap(), (FRAME, &b"{\"a\":1}"[..]));
    }

    #[test]
    fn every_prefix_is_an_error_and_no_bit_flip_panics() {
        let bytes = encode(FRAME, b"body").unwrap();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "prefix of {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = decode(&flipped).is_ok();
        }
    }

    #[test]
    fn a_body_over_the_bound_is_refused() {
        assert!(encode(FRAME, &vec![0; BODY_BYTES_MAX + 1]).is_err());
    }
}
