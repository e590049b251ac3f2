//! One way to run a model.

use mimlet_format::Model;
use mimlet_runtime::Encoder;
use std::fmt;

/// One way to run a model on this machine.
pub trait Rung: fmt::Debug + Send {
    /// What it is called, for people.
    fn name(&self) -> String;

    /// What runs there: `cpu` or `wgpu`.
    fn kind(&self) -> &'static str;

    /// The device alone, in short.
    fn device(&self) -> String {
        self.name()
    }

    /// All that its results and its speed depend on but the file and this program: device, driver,
    /// versions. Another identity is another verdict.
    fn identity(&self) -> String;

    /// Whether it is tried only when no other rung passes: a plainer and slower way to compute the
    /// same.
    fn is_last_resort(&self) -> bool {
        false
    }

    /// Whether it is tried only when the rung before it does not pass: the same device, asked for
    /// less. What stands in after another stand-in is tried when neither that nor what it stands in for
    /// passes.
    fn stands_in(&self) -> bool {
        false
    }

    /// The same once for each of its threads, with that thread alone, for many images: each takes
    /// whole ones, and gives the same bits. Empty where images do not run side by side.
    fn shares(&self) -> Vec<Box<dyn Rung>> {
        Vec::new()
    }

    /// An encoder of a model.
    ///
    /// # Errors
    /// Why there is none: the model does not fit, or the device refuses.
    fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String>;
}
