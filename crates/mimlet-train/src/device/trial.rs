//! Opening a device. burn opens lazily, and panics where a driver refuses.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor};

/// Opens `device` and computes something on it.
///
/// # Errors
/// What its driver says, in one line.
pub(super) fn open(device: &Device) -> Result<(), String> {
    let sum = quietly(|| {
        let ones = Tensor::<1>::ones([64], device);
        (ones.clone() + ones).sum().into_data_as::<f32>()
    });
    let sum = sum.map_err(|reason| format!("cannot be opened: {reason}"))?;
    match sum.try_into_vec::<f32>() {
        Ok(values) if values == [128.0] => Ok(()),
        Ok(values) => Err(format!("computes wrong: 64 times 1 + 1 is {values:?}")),
        Err(error) => Err(format!("gives back no numbers: {error:?}")),
    }
}

/// A process has one hook for panics: who listens has it alone, or would hear another's and put back that
/// one's hook.
static LISTENING: Mutex<()> = Mutex::new(());

/// What `work` returns; or, if it panics, what the first panic on any thread said. Nothing is
/// printed meanwhile. One call waits for another, and must not be made within one.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let _alone = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
    let said = Arc::new(Mutex::new(None));
    let hook = std::panic::take_hook();
    let listener = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |panic| {
        let mut first = listener.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| text(panic.payload()));
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    outcome.map_err(|payload| {
        let first = said.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reason: String = first.unwrap_or_else(|| text(&*payload));
        reason.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

fn text(payload: &(dyn Any + Send)) -> String {
    let literal = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    literal
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

#[cfg(test)]
mod tests {
    use super::{open, quietly};
    use burn::tensor::Device;

    #[test]
    fn a_panic_becomes_its_first_message_in_one_line() {
        let said = quietly(|| {
            let driver = std::thread::spawn(|| panic!("no\n  adapter {}", 3));
            driver.join().expect("the driver's thread is gone")
        });
        assert_eq!(said.unwrap_err(), "no adapter 3");
        assert_eq!(quietly(|| 7), Ok(7));
    }

    #[test]
    fn a_device_that_works_opens() {
        open(&Device::flex()).unwrap();
    }
}
