//! Raw frames, one after the other.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use super::stop::{PATIENCE, Stop};
use crate::error::Error;

/// Frames of a stream that are read in a thread of their own, one ahead: a stream that stalls keeps
/// nobody from stopping.
#[derive(Debug)]
pub(super) struct Frames {
    frames: Receiver<Result<Vec<u8>, Error>>,
    size: [u32; 2],
    stop: Stop,
}

impl Frames {
    /// Those of a reader, u8 `[height, width, 3]` each, back to back.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(super) fn of(
        reader: impl Read + Send + 'static,
        size: [u32; 2],
        stop: Stop,
    ) -> Result<Self, Error> {
        let (give, frames) = sync_channel(0);
        let mut stream = Stream::new(reader, size);
        let read = move || {
            // Nobody takes any more once the watch is over.
            while let Some(frame) = stream.take().transpose()
                && give.send(frame).is_ok()
            {}
        };
        thread::Builder::new()
            .name("frames".into())
            .spawn(read)
            .map_err(|error| Error::new(format_args!("stdin: no thread to read it: {error}")))?;
        Ok(Self { frames, size, stop })
    }

    /// Height and width of a frame.
    pub(super) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The next frame, waited for; `None` when the stream ends between frames, or somebody asks to
    /// stop: what is left of a stream that was stopped too is no fault.
    ///
    /// # Errors
    /// As [`Stream::take`].
    pub(super) fn take(&self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            match self.frames.recv_timeout(PATIENCE) {
                _ if self.stop.is_asked_for() => return Ok(None),
                Ok(frame) => return frame.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Frames of u8 `[height, width, 3]`, back to back.
#[derive(Debug)]
struct Stream<R> {
    reader: R,
    /// Height, width.
    size: [u32; 2],
    /// Whole frames so far.
    frames: u64,
}

impl<R: Read> Stream<R> {
    fn new(reader: R, size: [u32; 2]) -> Self {
        let frames = 0;
        Self {
            reader,
            size,
            frames,
        }
    }

    /// The next frame; `None` when the stream ends between frames.
    ///
    /// # Errors
    /// When it ends within one, or cannot be read.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
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
