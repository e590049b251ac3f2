//! Raw frames, one after the other.

use std::io::{ErrorKind, Read};

use crate::error::Error;

/// Frames of u8 `[height, width, 3]`, back to back.
#[derive(Debug)]
pub(super) struct Stream<R> {
    reader: R,
    /// Height, width.
    size: [u32; 2],
    /// Whole frames so far.
    frames: u64,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(reader: R, size: [u32; 2]) -> Self {
        let frames = 0;
        Self {
            reader,
            size,
            frames,
        }
    }

    /// Height and width of a frame.
    pub(super) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The next frame; `None` when the stream ends between frames.
    ///
    /// # Errors
    /// When it ends within one, or cannot be read.
    pub(super) fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let [height, width] = self.size;
        let bytes = height as usize * width as usize * 3;
        let mut frame = vec![0; bytes];
        let mut filled = 0;
        while filled < bytes {
            match self.reader.read(&mut frame[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => {
                    return Err(Error::new(format_args!(
                        "stdin: frame {} is {} bytes short: it ends after {filled} of {bytes} \
                         (u8 [{height}, {width}, 3]); send whole frames of that size",
                        self.frames + 1,
                        bytes - filled,
                    )));
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::new(format_args!("stdin: cannot be read: {error}")));
                }
            }
        }
        self.frames += 1;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;
    use std::io::Read;

    /// Gives a byte a time, as a slow pipe does.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn frames_come_whole_and_a_cut_one_is_named() {
        let bytes: Vec<u8> = (0..16).collect();
        let mut stream = Stream::new(Slow(&bytes), [1, 2]);
        assert_eq!(stream.take().unwrap().unwrap(), bytes[..6]);
        assert_eq!(stream.take().unwrap().unwrap(), bytes[6..12]);
        let error = stream.take().unwrap_err().to_string();
        assert!(error.contains("frame 3 is 2 bytes short"), "{error}");
        let mut ended = Stream::new(Slow(&bytes[..6]), [1, 2]);
        assert!(ended.take().unwrap().is_some() && ended.take().unwrap().is_none());
    }
}
