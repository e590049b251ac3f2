//! All RAM of the firmware: a static arena that what is allocated during set-up comes from and that is
//! then sealed, and the stack. The firmware's only `unsafe` code.
#![allow(
    unsafe_code,
    reason = "a global allocator, the linker's symbols and the stack have no safe interface"
)]

use crate::console::{exit, say};
use crate::embedded::ARENA_BYTES;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use cortex_m::register::msp;
use cortex_m_rt::exception;

/// The arena's bytes, planned by the build script.
#[repr(C, align(64))]
struct Bytes(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: bytes are handed out once, by `Arena`, to one owner each.
unsafe impl Sync for Bytes {}

static BYTES: Bytes = Bytes(UnsafeCell::new([0; ARENA_BYTES]));
/// Bytes handed out, from the arena's first on.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// The most there ever were.
static HIGH_WATER: AtomicUsize = AtomicUsize::new(0);
static SEALED: AtomicBool = AtomicBool::new(false);

/// Hands out the arena front to back; only the block handed out last can be given back or grow. No
/// interrupt handler allocates, so nothing comes between a load and a store.
struct Arena;

#[global_allocator]
static ARENA: Arena = Arena;

impl Arena {
    /// Takes `size` bytes from `start` on, if they are there.
    fn take(start: usize, size: usize) -> Option<*mut u8> {
        let end = start.checked_add(size)?;
        if end > ARENA_BYTES || SEALED.load(Ordering::Relaxed) {
            return None;
        }
        TAKEN.store(end, Ordering::Relaxed);
        HIGH_WATER.fetch_max(end, Ordering::Relaxed);
        Some(BYTES.0.get().cast::<u8>().wrapping_add(start))
    }

    /// Where a block starts, when it is the last that was handed out.
    fn start_of_last(block: *mut u8, size: usize) -> Option<usize> {
        let start = block.addr() - BYTES.0.get().addr();
        (start + size == TAKEN.load(Ordering::Relaxed)).then_some(start)
    }
}

// SAFETY: blocks lie inside the arena, are aligned as asked for (the arena is at a multiple of 64, and
// nothing asks for more) and never overlap, because `TAKEN` only falls to the start of a block that is
// given back.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = TAKEN
            .load(Ordering::Relaxed)
            .next_multiple_of(layout.align());
        let block = Self::take(start, layout.size()).filter(|_| layout.align() <= 64);
        block.unwrap_or(ptr::null_mut())
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(start) = Self::start_of_last(block, layout.size()) {
            TAKEN.store(start, Ordering::Relaxed);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if let Some(start) = Self::start_of_last(block, layout.size()) {
            return Self::take(start, size).unwrap_or(ptr::null_mut());
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller's layout, with a size that it promises to be valid.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are that long, and a new block overlaps no other.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }
}

/// While this lives nothing can be allocated: whatever asks for memory ends the program.
pub struct Seal(());

impl Seal {
    /// Seals the arena.
    pub fn new() -> Self {
        SEALED.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Seal {
    fn drop(&mut self) {
        SEALED.store(false, Ordering::Relaxed);
    }
}

/// Bytes of the arena that were ever in use.
pub fn arena_high_water() -> usize {
    HIGH_WATER.load(Ordering::Relaxed)
}

// SAFETY: the linker defines them (`memory.x`, and cortex-m-rt's `link.x`). Only their addresses mean
// anything, and nothing reads or writes through them but what concerns the stack.
unsafe extern "C" {
    static mut _stack_end: u32;
    static _stack_start: u32;
    static __vector_table: u32;
    static __sdata: u32;
    static __edata: u32;
    static __sidata: u32;
    static __ebss: u32;
}

/// Bytes that the program takes in flash, what it copies to RAM included.
pub fn flash_bytes() -> usize {
    let data = (&raw const __edata).addr() - (&raw const __sdata).addr();
    (&raw const __sidata).addr() + data - (&raw const __vector_table).addr()
}

/// Bytes of RAM: the stack and all statics.
pub fn ram_bytes() -> usize {
    stack_bytes() + (&raw const __ebss).addr() - (&raw const __sdata).addr()
}

/// Bytes that the stack may take.
pub fn stack_bytes() -> usize {
    (&raw const _stack_start).addr() - (&raw const _stack_end).addr()
}

/// What the stack holds where it has never been.
const PAINT: u32 = 0x7061_696e;
/// Bytes below the stack pointer that painting itself may use.
const IN_USE: usize = 256;

/// Fills the stack with [`PAINT`] up to where it is in use.
pub fn paint_stack() {
    let words = (msp::read() as usize - IN_USE - (&raw const _stack_end).addr()) / 4;
    for index in 0..words {
        // SAFETY: these words are the stack's, below what is in use.
        unsafe { (&raw mut _stack_end).add(index).write_volatile(PAINT) };
    }
}

/// Bytes of the stack that were ever in use.
pub fn stack_high_water() -> usize {
    let words = stack_bytes() / 4;
    // SAFETY: these words are the stack's, and any bits are a number.
    let is_paint =
        |index: &usize| unsafe { (&raw const _stack_end).add(*index).read_volatile() } == PAINT;
    4 * (words - (0..words).take_while(is_paint).count())
}

/// A stack that has grown too far ends here, unless there is no stack left for this: then QEMU says
/// that the machine has locked up.
// SAFETY: nothing is left to be broken by a handler that does not return.
#[exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    say!("error: hard fault at {:#010x}", frame.pc());
    exit(false)
}
