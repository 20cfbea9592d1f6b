//! Which version of a kernel runs on this processor.

/// How wide the vector instructions are that a kernel may use. Ordered: a level of x86-64 includes those of x86-64 below
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust, on any processor; the reference that the others are tested against.
    Portable,
    /// aarch64, which always has NEON.
    Neon,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Level {
    /// The highest level of this processor and operating system.
    #[inline]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            cpufeatures::new!(avx2, "avx2", "fma", "bmi1", "bmi2");
            cpufeatures::new!(avx512, "avx512f", "avx512bw", "avx512dq", "avx512vl");
            if avx2::get() {
                return if avx512::get() { Self::Avx512 } else { Self::Avx2 };
            }
        }
        if cfg!(target_arch = "aarch64") { Self::Neon } else { Self::Portable }
    }

    /// This level if the processor has it, the best there is below it otherwise.
    pub fn available(self) -> Self {
        match self.min(Self::best()) {
            Self::Neon if cfg!(not(target_arch = "aarch64")) => Self::Portable,
            level => level,
        }
    }
}

#[cfg(feature = "std")]
static EXACT: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

/// Chooses, for the whole process and for good, results that are the same bits on every processor over those that are
/// there sooner: every transform planned from now on is the portable one. The other kernels compute with integers and
/// give the same bits in all their versions anyway. Call it first of all, since transforms planned before stay as they
/// are.
#[cfg(feature = "std")]
pub fn be_exact() {
    EXACT.store(true, core::sync::atomic::Ordering::Relaxed);
}

/// Whether [`be_exact`] was called.
#[cfg(feature = "std")]
pub fn is_exact() -> bool {
    EXACT.load(core::sync::atomic::Ordering::Relaxed)
}

/// Whether there are Galois field instructions (GFNI) for vectors of 64 octets.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn galois() -> bool {
    cpufeatures::new!(gfni, "gfni");
    Level::best() == Level::Avx512 && gfni::get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_at_most_the_best() {
        for level in [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512] {
            assert!(level.available() <= level && level.available() <= Level::best());
            assert_eq!(
                level.available() == Level::Neon,
                cfg!(target_arch = "aarch64") && level != Level::Portable
            );
        }
    }
}
