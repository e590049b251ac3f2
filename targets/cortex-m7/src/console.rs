//! Text and the exit code, through semihosting: QEMU, or the debugger on a board. A product would
//! write to a UART here instead.

use core::panic::PanicInfo;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};

/// Prints a line.
macro_rules! say {
    ($($text:tt)*) => {
        cortex_m_semihosting::hprintln!($($text)*)
    };
}

pub(crate) use say;

/// Ends the program; the emulator's exit code is 0 when all is well, else 1.
pub fn exit(well: bool) -> ! {
    debug::exit(if well { EXIT_SUCCESS } else { EXIT_FAILURE });
    // A board without a debugger stays here.
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("error: {info}");
    exit(false)
}
