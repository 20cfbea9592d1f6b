//! How much memory the image takes: the linker's sections, and the deepest the stack has been.

/// Octets of program, constants and initial values: what has to be flashed.
pub(crate) fn flash() -> usize {
    let initial_values = &raw const __edata as usize - &raw const __sdata as usize;
    &raw const __sidata as usize + initial_values
}

/// Octets of static variables.
pub(crate) fn statics() -> usize {
    heap_start() - &raw const __sdata as usize
}

/// Fills what is free below the stack with a pattern.
pub(crate) fn paint_stack() {
    let here = cortex_m::register::msp::read() as usize;
    for at in (heap_start()..here - MARGIN).step_by(4) {
        // SAFETY: this memory lies between the last static and the stack, and there is no heap in it.
        unsafe { (at as *mut u32).write_volatile(PATTERN) };
    }
}

/// Octets of the stack that were used at its deepest since [`paint_stack`].
pub(crate) fn deepest_stack() -> usize {
    let top = &raw const _stack_start as usize;
    let untouched = (heap_start()..top).step_by(4).take_while(|&at| {
        // SAFETY: this memory lies between the last static and the top of the stack.
        unsafe { (at as *const u32).read_volatile() == PATTERN }
    });
    top - heap_start() - 4 * untouched.count()
}

fn heap_start() -> usize {
    &raw const __sheap as usize
}

const PATTERN: u32 = 0x5AFE_57AC;
/// Octets below the caller's stack pointer that painting leaves alone: its own frame.
const MARGIN: usize = 256;

// Addresses that the linker script defines; nothing is read from them.
unsafe extern "C" {
    static __sidata: u32;
    static __sdata: u32;
    static __edata: u32;
    static __sheap: u32;
    static _stack_start: u32;
}
