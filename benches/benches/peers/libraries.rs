//! Debian's C libraries, loaded at run time: nothing of them is built in or copied.
#![allow(unsafe_code, reason = "foreign functions; each signature is that of the library's public header")]

use dsp::Complex;
use libloading::{Library, Symbol};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

const FFTW: &str = "libfftw3f.so.3";
const VOLK: &str = "libvolk.so.2.5";
const FEC: &str = "libfec.so.0";
const LIQUID: &str = "libliquid.so.1";

fn open(name: &str) -> Option<Library> {
    // Safety: these libraries have no initialisers that touch anything of ours.
    unsafe { Library::new(name) }.ok()
}

/// Each library with its version, or that it is absent.
pub(crate) fn versions() -> Vec<(&'static str, String)> {
    let fftw = open(FFTW).map(|library| {
        // Safety: a string constant of the library, which stays loaded while it is copied.
        unsafe {
            let version: Symbol<'_, *const c_char> = library.get(b"fftwf_version\0").unwrap();
            CStr::from_ptr(*version).to_string_lossy().into_owned()
        }
    });
    let volk = open(VOLK).map(|library| {
        // Safety: `const char* volk_version()`.
        unsafe {
            let version: Symbol<'_, unsafe extern "C" fn() -> *const c_char> =
                library.get(b"volk_version\0").unwrap();
            CStr::from_ptr(version()).to_string_lossy().into_owned()
        }
    });
    let fec = open(FEC).map(|_| "loaded".to_owned());
    let liquid = open(LIQUID).map(|library| {
        // Safety: `const char* liquid_libversion()`.
        unsafe {
            let version: Symbol<'_, unsafe extern "C" fn() -> *const c_char> =
                library.get(b"liquid_libversion\0").unwrap();
            CStr::from_ptr(version()).to_string_lossy().into_owned()
        }
    });
    let named = |name, found: Option<String>, package: &str| {
        (
            name,
            found.map_or(format!("absent (apt-get install {package})"), |version| {
                format!("{version}, {package}")
            }),
        )
    };
    vec![
        named("fftw:", fftw, "libfftw3-single3"),
        named("volk:", volk, "libvolk2.5"),
        named("libfec:", fec, "libfec0"),
        named("liquid:", liquid, "libliquid1"),
    ]
}

type Plan = *mut c_void;

/// A planned transform of FFTW, measured (not estimated), with arrays of its own.
pub(crate) struct Fftw {
    execute: unsafe extern "C" fn(Plan),
    plan: Plan,
    /// The plan has the addresses of these; real samples stand as pairs.
    pub(crate) from: Box<[Complex]>,
    pub(crate) to: Box<[Complex]>,
    _library: Library,
}

#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Complex,
    RealForward,
    RealInverse,
}

impl Fftw {
    pub(crate) fn new(points: usize, shape: Shape) -> Option<Self> {
        const MEASURE: c_uint = 0;
        let library = open(FFTW)?;
        let mut from = vec![Complex::default(); points + 1].into_boxed_slice();
        let mut to = from.clone();
        let n = points as c_int;
        let (input, output) = (from.as_mut_ptr().cast::<c_void>(), to.as_mut_ptr().cast::<c_void>());
        // Safety: the three planners' public signatures; the arrays are long enough for each and stay where they are.
        let (plan, execute) = unsafe {
            let plan = match shape {
                Shape::Complex => {
                    type Planner =
                        unsafe extern "C" fn(c_int, *mut c_void, *mut c_void, c_int, c_uint) -> Plan;
                    let planner: Symbol<'_, Planner> = library.get(b"fftwf_plan_dft_1d\0").unwrap();
                    planner(n, input, output, -1, MEASURE)
                }
                real => {
                    type Planner = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void, c_uint) -> Plan;
                    let name: &[u8] = match real {
                        Shape::RealForward => b"fftwf_plan_dft_r2c_1d\0",
                        _ => b"fftwf_plan_dft_c2r_1d\0",
                    };
                    let planner: Symbol<'_, Planner> = library.get(name).unwrap();
                    planner(n, input, output, MEASURE)
                }
            };
            let execute: Symbol<'_, unsafe extern "C" fn(Plan)> = library.get(b"fftwf_execute\0").unwrap();
            (plan, *execute)
        };
        Some(Self { execute, plan, from, to, _library: library })
    }

    pub(crate) fn run(&mut self) {
        // Safety: the plan is of this library and its arrays are ours.
        unsafe { (self.execute)(std::hint::black_box(self.plan)) }
    }
}

#[repr(align(64))]
struct Aligned([u8; 64]);

type VolkKernel =
    unsafe extern "C" fn(*mut u8, *mut u8, *mut u8, *mut u8, c_uint, c_uint, *mut u8, *const c_char);

/// VOLK's K = 7 kernel, its SIMD version by name, with the start state and a trace as GNU Radio puts around it.
pub(crate) struct Volk {
    kernel: VolkKernel,
    branches: Aligned,
    metrics: Aligned,
    spare: Aligned,
    decisions: Vec<u64>,
    _library: Library,
}

impl Volk {
    pub(crate) fn new(bits: usize) -> Option<Self> {
        let library = open(VOLK)?;
        // Safety: the public `_manual` form of the kernel.
        let kernel = unsafe { *library.get::<VolkKernel>(b"volk_8u_x4_conv_k7_r2_8u_manual\0").ok()? };
        let mut branches = Aligned([0; 64]);
        for state in 0..32_u32 {
            // 171 and 133 octal with the newest bit last.
            for (output, taps) in [0o117, 0o155].into_iter().enumerate() {
                if ((2 * state) & taps).count_ones() % 2 == 1 {
                    branches.0[32 * output + state as usize] = 255;
                }
            }
        }
        let decisions = vec![0; bits + 6];
        Some(Self {
            kernel,
            branches,
            metrics: Aligned([0; 64]),
            spare: Aligned([0; 64]),
            decisions,
            _library: library,
        })
    }

    /// `soft` of the coded bits, 0 for a certain 0 to 255 for a certain 1.
    pub(crate) fn decode(&mut self, soft: &mut [u8], output: &mut [u8]) {
        let bits = 8 * output.len();
        assert!(soft.len() == 2 * (bits + 6) && self.decisions.len() == bits + 6 && bits.is_multiple_of(2));
        self.metrics.0 = [63; 64];
        self.metrics.0[0] = 0;
        // Safety: lengths are as asserted, 8 octets of decisions a stage.
        unsafe {
            (self.kernel)(
                self.spare.0.as_mut_ptr(),
                self.metrics.0.as_mut_ptr(),
                soft.as_mut_ptr(),
                self.decisions.as_mut_ptr().cast(),
                bits as c_uint,
                6,
                self.branches.0.as_mut_ptr(),
                c"spiral".as_ptr(),
            );
        }
        let mut history: u64 = 0;
        for (octet, stages) in output.iter_mut().zip(self.decisions[6..].chunks(8)).rev() {
            for &decision in stages.iter().rev() {
                history = history >> 1 | (decision >> (history >> 58)) << 63;
            }
            *octet = (history >> 56) as u8;
        }
    }
}

type FecStart = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
type FecUpdate = unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int;
type FecTrace = unsafe extern "C" fn(*mut c_void, *mut u8, c_uint, c_uint) -> c_int;

/// libfec's K = 7 decoder; Debian's for amd64 is its portable C.
pub(crate) struct FecViterbi {
    decoder: *mut c_void,
    start: FecStart,
    update: FecUpdate,
    trace: FecTrace,
    _library: Library,
}

impl FecViterbi {
    pub(crate) fn new(bits: usize) -> Option<Self> {
        let library = open(FEC)?;
        // Safety: signatures of fec.h; the taps are copied by the call.
        unsafe {
            let taps: Symbol<'_, unsafe extern "C" fn(*mut c_int)> =
                library.get(b"set_viterbi27_polynomial\0").ok()?;
            taps([0o117, 0o155].as_mut_ptr());
            let create: Symbol<'_, unsafe extern "C" fn(c_int) -> *mut c_void> =
                library.get(b"create_viterbi27\0").ok()?;
            Some(Self {
                decoder: create(bits as c_int + 6),
                start: *library.get(b"init_viterbi27\0").ok()?,
                update: *library.get(b"update_viterbi27_blk\0").ok()?,
                trace: *library.get(b"chainback_viterbi27\0").ok()?,
                _library: library,
            })
        }
    }

    pub(crate) fn decode(&mut self, soft: &mut [u8], output: &mut [u8]) {
        let bits = 8 * output.len();
        assert_eq!(soft.len(), 2 * (bits + 6));
        // Safety: the decoder was created for as many bits.
        unsafe {
            (self.start)(self.decoder, 0);
            (self.update)(self.decoder, soft.as_mut_ptr(), bits as c_int + 6);
            (self.trace)(self.decoder, output.as_mut_ptr(), bits as c_uint, 0);
        }
    }
}

type FecCorrect = unsafe extern "C" fn(*mut c_void, *mut u8, *mut c_int, c_int) -> c_int;

/// libfec's Reed-Solomon decoder of octets, for the roots and the polynomial of G.9903.
pub(crate) struct FecReedSolomon {
    code: *mut c_void,
    correct: FecCorrect,
    _library: Library,
}

impl FecReedSolomon {
    pub(crate) fn new(parity: usize) -> Option<Self> {
        type Init = unsafe extern "C" fn(c_int, c_int, c_int, c_int, c_int, c_int) -> *mut c_void;
        let library = open(FEC)?;
        // Safety: signatures of fec.h.
        unsafe {
            let init: Symbol<'_, Init> = library.get(b"init_rs_char\0").ok()?;
            let code = init(8, 0x11D, 1, 1, parity as c_int, 0);
            let correct = *library.get(b"decode_rs_char\0").ok()?;
            Some(Self { code, correct, _library: library })
        }
    }

    /// How many octets were wrong.
    pub(crate) fn decode(&mut self, word: &mut [u8; 255]) -> i32 {
        // Safety: a word of 255 octets, and no erasures.
        unsafe { (self.correct)(self.code, word.as_mut_ptr(), std::ptr::null_mut(), 0) }
    }
}

/// Payload octets of liquid-dsp's frames: as many as G3's longest DBPSK frame has.
pub(crate) const LIQUID_PAYLOAD: usize = 133;

/// `ofdmflexframegen` and `ofdmflexframesync` with a G3 symbol's shape: 256 points, a prefix of 30, edges of 8, BPSK
/// with a CRC-32. Debian's build knows no convolutional and no Reed-Solomon code, so its payload is not coded.
pub(crate) struct Liquid {
    generator: *mut c_void,
    synchroniser: *mut c_void,
    assemble: unsafe extern "C" fn(*mut c_void, *const u8, *const u8, c_uint) -> c_int,
    write: unsafe extern "C" fn(*mut c_void, *mut Complex, c_uint) -> c_int,
    execute: unsafe extern "C" fn(*mut c_void, *mut Complex, c_uint) -> c_int,
    /// Frames whose checksum was right; the synchroniser has its address.
    received: Box<usize>,
    _library: Library,
}

#[repr(C)]
struct LiquidProperties {
    check: c_uint,
    inner: c_uint,
    outer: c_uint,
    modulation: c_uint,
}

/// `framesyncstats_s`, which callbacks take by value.
#[repr(C)]
struct LiquidStatistics {
    levels: [f32; 3],
    symbols: *mut Complex,
    counts: [c_uint; 6],
}

impl Liquid {
    pub(crate) fn new() -> Option<Self> {
        type Callback = unsafe extern "C" fn(
            *mut u8,
            c_int,
            *mut u8,
            c_uint,
            c_int,
            LiquidStatistics,
            *mut c_void,
        ) -> c_int;
        type Generator =
            unsafe extern "C" fn(c_uint, c_uint, c_uint, *const u8, *mut LiquidProperties) -> *mut c_void;
        type Synchroniser =
            unsafe extern "C" fn(c_uint, c_uint, c_uint, *const u8, Callback, *mut c_void) -> *mut c_void;
        unsafe extern "C" fn count(
            _header: *mut u8,
            _header_valid: c_int,
            _payload: *mut u8,
            _payload_len: c_uint,
            payload_valid: c_int,
            _statistics: LiquidStatistics,
            received: *mut c_void,
        ) -> c_int {
            // Safety: the counter that the synchroniser was made with, which outlives it.
            unsafe { *received.cast::<usize>() += usize::from(payload_valid != 0) };
            0
        }
        const CRC_32: c_uint = 6;
        const NO_CODE: c_uint = 1;
        const BPSK: c_uint = 40;
        let library = open(LIQUID)?;
        let mut received = Box::new(0);
        let mut properties =
            LiquidProperties { check: CRC_32, inner: NO_CODE, outer: NO_CODE, modulation: BPSK };
        // Safety: signatures of liquid.h; no allocation of carriers means the default one.
        unsafe {
            let generator: Symbol<'_, Generator> = library.get(b"ofdmflexframegen_create\0").ok()?;
            let synchroniser: Symbol<'_, Synchroniser> = library.get(b"ofdmflexframesync_create\0").ok()?;
            let counter = (&raw mut *received).cast();
            Some(Self {
                generator: generator(256, 30, 8, std::ptr::null(), &raw mut properties),
                synchroniser: synchroniser(256, 30, 8, std::ptr::null(), count, counter),
                assemble: *library.get(b"ofdmflexframegen_assemble\0").ok()?,
                write: *library.get(b"ofdmflexframegen_write\0").ok()?,
                execute: *library.get(b"ofdmflexframesync_execute\0").ok()?,
                received,
                _library: library,
            })
        }
    }

    /// Makes a frame, `out` as long as needed, and returns its samples.
    pub(crate) fn transmit(&mut self, payload: &[u8; LIQUID_PAYLOAD], out: &mut [Complex]) -> usize {
        const SYMBOL: usize = 286;
        let mut symbols = 0;
        // Safety: a header of 8 octets; each call writes a symbol of the buffer it is given.
        unsafe {
            (self.assemble)(self.generator, [0; 8].as_ptr(), payload.as_ptr(), payload.len() as c_uint);
            for symbol in out.chunks_exact_mut(SYMBOL) {
                symbols += 1;
                if (self.write)(self.generator, symbol.as_mut_ptr(), symbol.len() as c_uint) != 0 {
                    break;
                }
            }
        }
        symbols * SYMBOL
    }

    /// Feeds samples and returns how many frames have been right so far.
    pub(crate) fn receive(&mut self, samples: &mut [Complex]) -> usize {
        // Safety: as many samples as said.
        unsafe { (self.execute)(self.synchroniser, samples.as_mut_ptr(), samples.len() as c_uint) };
        *self.received
    }
}
