//! The heap.

use embedded_alloc::LlffHeap as Heap;

/// The rest of the RAM is the stack's.
const SIZE: usize = 16 * 1024;

#[global_allocator]
static HEAP: Heap = Heap::empty();

/// Makes the heap usable. Before, every allocation fails.
///
/// # Panics
///
/// When it is called again.
#[expect(unsafe_code, reason = "the allocator is handed its memory by address")]
pub(crate) fn init() {
    // SAFETY: the memory is a static of the macro's own, which nothing else can name, and a second
    // call panics.
    unsafe {
        embedded_alloc::init!(HEAP, SIZE);
    }
}

/// Bytes in use.
pub(crate) fn used() -> usize {
    HEAP.used()
}

/// All its bytes.
pub(crate) fn size() -> usize {
    HEAP.used() + HEAP.free()
}
