//! How the allocator treats memory that is free again.

/// Free pages are kept this long before they go back to the system. Batches, pages and files in the making come
/// and go many times a second; a page that was given back costs a fault to get again, which on a virtual machine
/// is dearer than what is done with it. After this time of quiet an idle server is small again.
const PURGE_DELAY_MILLIS: i64 = 5_000;

/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// To be called first thing, by every program whose global allocator is mimalloc. What the environment says
/// (`MIMALLOC_PURGE_DELAY`) goes before.
#[expect(unsafe_code, reason = "the allocator's options have no safe binding")]
pub fn keep_freed_pages() {
    // SAFETY: sets one integer by its index; the allocator reads it with atomics at any time.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MILLIS) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the allocator's options have no safe binding")]
    fn the_option_is_the_purge_delay() {
        // SAFETY: reads one integer.
        let before = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(before, 1_000, "the default that the allocator documents for it");
        keep_freed_pages();
        // SAFETY: reads one integer.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, PURGE_DELAY_MILLIS);
    }
}
