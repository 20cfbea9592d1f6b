//! What the program says. A reader who has seen enough and closes the pipe, as `head` does, is no failure: the standard
//! library's macros would panic.

use std::io::{Error, ErrorKind};

macro_rules! print {
    ($($text:tt)*) => {
        $crate::output::told(std::io::Write::write_fmt(&mut std::io::stdout(), format_args!($($text)*)))
    };
}

macro_rules! println {
    ($($text:tt)*) => {
        print!("{}\n", format_args!($($text)*))
    };
}

macro_rules! eprintln {
    ($($text:tt)*) => {{
        // Nobody is left to be told.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($text)*)));
    }};
}

/// Ends the program where standard output fails for any other reason, as a full disk.
pub(crate) fn told(result: Result<(), Error>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("channel-sim: the output cannot be written: {error}");
        std::process::exit(1);
    }
}
