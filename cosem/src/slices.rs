//! Moves of octets whose ends are checked by an error instead of a panic.

use plc_core::bytes::{Full, Writer};

/// Copies `octets` to the front of `room`; returns the copy.
pub(crate) fn copied<'a>(octets: &[u8], room: &'a mut [u8]) -> Result<&'a mut [u8], Full> {
    let mut writer = Writer::new(room);
    writer.put(octets)?;
    Ok(writer.written())
}

/// Moves `length` octets inside `room` from one place to another.
pub(crate) fn shift(room: &mut [u8], from: usize, length: usize, to: usize) -> Result<(), Full> {
    let full = Full { at: from.max(to), needed: length, left: room.len() };
    let fits = |start: usize| start.checked_add(length).filter(|&end| end <= room.len());
    let end = fits(from).ok_or(full)?;
    fits(to).ok_or(full)?;
    room.copy_within(from..end, to);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut room = [1, 2, 3, 4];
        assert!(copied(&[0; 5], &mut room).is_err());
        assert!(shift(&mut room, 0, 2, 3).is_err());
        assert!(shift(&mut room, 3, 2, 0).is_err());
        assert!(shift(&mut room, usize::MAX, 2, 0).is_err());
        assert_eq!(shift(&mut room, 0, 3, 1), Ok(()));
        assert_eq!(room, [1, 1, 2, 3]);
    }
}
