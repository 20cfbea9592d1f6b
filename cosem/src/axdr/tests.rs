//! Round trips, and octets that are no value.

use super::*;
use crate::obis::Obis;
use proptest::prelude::*;
use std::vec::Vec;

proptest! {
    #[test]
    fn any_octets_are_a_value_or_an_error(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(data) = Data::parse(&octets) {
            let mut room = [0; 400];
            let mut encoder = Encoder::new(&mut room);
            encoder.data(&data)?;
            let again = encoder.written();
            // Lengths have several encodings and booleans many, so values are compared by a second encoding.
            let mut second = [0; 400];
            let mut encoder = Encoder::new(&mut second);
            encoder.data(&Data::parse(again)?)?;
            prop_assert_eq!(&*encoder.written(), &*again);
        }
    }

    #[test]
    fn values_come_back(value in encoded_value()) {
        let data = Data::parse(&value)?;
        let mut room = [0; 4096];
        let mut encoder = Encoder::new(&mut room);
        encoder.data(&data)?;
        prop_assert_eq!(&*encoder.written(), &value[..]);
        for cut in 0..value.len() {
            prop_assert!(Data::parse(&value[..cut]).is_err(), "cut at {}", cut);
        }
    }

    #[test]
    fn lengths_come_back(length in 0_usize..0x1_0000_0000) {
        let mut room = [0; 5];
        let mut writer = Writer::new(&mut room);
        write_length(&mut writer, length)?;
        prop_assert_eq!(writer.position(), length_of_length(length));
        prop_assert_eq!(read_length(&mut Reader::new(writer.written()))?, length);
    }
}

/// Encodings of every type, nested.
fn encoded_value() -> impl Strategy<Value = Vec<u8>> {
    let fixed = (any::<[u8; 12]>(), 0_usize..24).prop_map(|(octets, which)| {
        let types = [
            (0, 0),
            (3, 0),
            (5, 4),
            (6, 4),
            (13, 1),
            (15, 1),
            (16, 2),
            (17, 1),
            (18, 2),
            (20, 8),
            (21, 8),
            (22, 1),
            (23, 4),
            (24, 8),
            (25, 12),
            (26, 5),
            (27, 4),
            (28, 1),
            (29, 2),
            (30, 4),
            (31, 1),
            (32, 2),
            (33, 4),
            (255, 0),
        ];
        let (tag, size) = types[which];
        let mut value = std::vec![tag];
        value.extend(&octets[..size]);
        if tag == tag::BOOLEAN {
            value.push(octets[0] & 1);
        }
        value
    });
    let strings =
        (prop_oneof![Just(9_u8), Just(10), Just(12)], proptest::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(tag, octets)| {
                let mut room = [0; 300];
                let mut encoder = Encoder::new(&mut room);
                encoder.string(tag, &octets).unwrap();
                encoder.written().to_vec()
            });
    let leaf = prop_oneof![
        fixed,
        strings,
        Just(std::vec![4, 9, 0xFF, 0x80]),
        Just(std::vec![19, 2, 2, 6, 17, 2, 1, 2])
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        (1_u8..=2, proptest::collection::vec(inner, 0..6)).prop_map(|(tag, elements)| {
            let mut value = std::vec![tag, elements.len() as u8];
            value.extend(elements.concat());
            value
        })
    })
}

#[test]
fn nesting_is_bounded() {
    let mut deep = [[1, 1]; 60].concat();
    deep.push(0);
    assert!(matches!(Data::parse(&deep), Err(AxdrError::Depth(_))));
}

#[test]
fn elements_are_walked_and_picked() {
    let data = Data::parse(&[2, 3, 17, 5, 9, 6, 1, 0, 1, 8, 0, 255, 0]).unwrap();
    let elements = data.elements().unwrap();
    assert_eq!(elements.get(1).and_then(|name| name.as_obis()), Some(Obis::new(1, 0, 1, 8, 0, 255)));
    assert_eq!(elements.iter().count(), 3);
    assert_eq!(data.fields::<4>(), None);
    assert_eq!(DataBuffer::<16>::of(&data).unwrap().data(), data);
}
