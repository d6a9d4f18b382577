//! Bytes of another process, read piece by piece: what is not there gives nothing, whatever was announced.

/// What is left to read. All numbers little-endian.
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// From the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes.
    pub fn slice(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(head)
    }

    /// So many bytes, the number known.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    /// A byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    /// A number of two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    /// A number of four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// Bytes behind their length of two bytes.
    pub fn short_piece(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.slice(length)
    }

    /// Bytes behind their length of four bytes.
    pub fn piece(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.slice(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_their_order_and_what_is_not_there_does_not() {
        let bytes = [7, 1, 0, 2, 0, 0, 0, b'a', b'b', 1, 0, b'c', 9];
        let mut input = Input::new(&bytes);
        assert_eq!((input.byte(), input.u16()), (Some(7), Some(1)));
        assert_eq!((input.piece(), input.short_piece()), (Some(&b"ab"[..]), Some(&b"c"[..])));
        assert_eq!((input.u16(), input.u32(), input.u64()), (None, None, None), "a byte is left");
        assert_eq!((input.slice(2), input.byte(), input.is_empty()), (None, Some(9), true));
        let mut announced = Input::new(&[255, 255, 255, 255, b'x']);
        assert_eq!(announced.piece(), None);
    }
}
