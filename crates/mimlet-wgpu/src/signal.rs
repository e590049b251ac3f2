//! A callback as a future: what wgpu calls when the GPU is done, awaited.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// What is to come, and who waits for it.
#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

/// A value that a callback brings.
#[derive(Debug)]
pub(crate) struct Signal<T>(Arc<Mutex<Slot<T>>>);

/// A callback, and the signal that it gives.
pub(crate) fn signal<T: Send + 'static>() -> (impl FnOnce(T) + Send + 'static, Signal<T>) {
    let slot = Arc::new(Mutex::new(Slot {
        value: None,
        waker: None,
    }));
    let given = Arc::clone(&slot);
    let give = move |value| {
        let mut slot = given.lock().unwrap_or_else(PoisonError::into_inner);
        slot.value = Some(value);
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    };
    (give, Signal(slot))
}

impl<T> Signal<T> {
    /// The value, once the callback was called.
    pub(crate) async fn given(self) -> T {
        poll_fn(|context| {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match slot.value.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn a_value_is_given_whether_it_comes_before_or_after_it_is_awaited() {
        let (give, early) = signal();
        give(1);
        assert_eq!(pollster::block_on(early.given()), 1);
        let (give, late) = signal();
        let giver = std::thread::spawn(move || give(2));
        assert_eq!(pollster::block_on(late.given()), 2);
        giver.join().unwrap();
    }
}
