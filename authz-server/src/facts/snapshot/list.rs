//! Lists of items with numbers of fixed size. This module does not know what the items are.

use std::io::{self, BufRead, Read, Write};

pub(super) struct Writer<'a>(pub(super) &'a mut dyn Write);

impl Writer<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(super) fn number(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }
}

/// Reads from the front. It is an error if the bytes end too early.
#[derive(Debug)]
pub(super) struct Reader<R>(pub(super) R);

impl<R: BufRead> Reader<R> {
    pub(super) fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        if line.pop() == Some(b'\n') { Ok(line) } else { Err(not_whole()) }
    }

    pub(super) fn take(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut taken = Vec::new();
        let read = self.0.by_ref().take(length).read_to_end(&mut taken)?;
        if u64::try_from(read).ok() == Some(length) { Ok(taken) } else { Err(not_whole()) }
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn number(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        self.0.fill_buf().map(<[u8]>::is_empty)
    }
}

pub(super) fn not_whole() -> io::Error {
    io::Error::other("it is not whole")
}
