//! How much an image takes: SysTick, which every Cortex-M has.
//!
//! QEMU has no cycle counter. With `-icount shift=0` an instruction takes a nanosecond of the
//! machine's time and mps2-an500 ticks at 25 MHz: a tick is 40 instructions, exactly. On a board the
//! same ticks are cycles of the core.

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// Instructions that QEMU runs between two ticks.
pub const INSTRUCTIONS_PER_TICK: u64 = 40;

/// Ticks until the counter starts anew.
const PERIOD: u32 = 1 << 24;

/// How often it has.
static PERIODS: AtomicU32 = AtomicU32::new(0);

/// A stop watch.
pub struct Clock(SYST);

impl Clock {
    /// Starts the machine's only one.
    ///
    /// # Panics
    /// When called twice.
    pub fn start() -> Self {
        let Some(peripherals) = Peripherals::take() else {
            panic!("the clock is started once")
        };
        let mut timer = peripherals.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(PERIOD - 1);
        timer.enable_interrupt();
        timer.enable_counter();
        Self(timer)
    }

    /// Counts from zero.
    pub fn reset(&mut self) {
        self.0.clear_current();
        PERIODS.store(0, Ordering::Relaxed);
    }

    /// Ticks since the last reset.
    pub fn ticks(&self) -> u64 {
        loop {
            let periods = PERIODS.load(Ordering::Relaxed);
            // The counter runs down, and stands at zero after a reset.
            let ticks = (PERIOD - SYST::get_current()) % PERIOD;
            if periods == PERIODS.load(Ordering::Relaxed) {
                return u64::from(periods) * u64::from(PERIOD) + u64::from(ticks);
            }
        }
    }
}

#[exception]
fn SysTick() {
    PERIODS.fetch_add(1, Ordering::Relaxed);
}
