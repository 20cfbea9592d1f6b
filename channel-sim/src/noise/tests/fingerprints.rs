//! SHA-256 of the first million samples of every preset: what `channel-sim noise list --hashes` prints on any processor.

use crate::noise::fingerprint::fingerprint;
use crate::noise::{CATALOGUE, Preset};

/// Presets and hashes, in the catalogue's order.
const HASHES: &[(&str, &str)] = &[
    ("n0", "1a4240ec02e69cf4c3f02006e6bab8b3cdb1ce7008c7db016e9c7092ab1e1acf"),
    ("n1", "b413d3358551f6a6d186c13c2bfe65dafa615af01bd0cdf090135ca4eba95d56"),
    ("n2", "a86590159fc018a0cd02e329ca308f9e1efddc6ef9142cacd87528afa3029b0e"),
    ("n3a", "9d7099c9813be988511060a4e5b71d07d51f8c8fef2748c4e7b1bcb4ed71353a"),
    ("n3b", "669fccdbc45440fe5b2750f86599a0dc8da7fdc1a610732d7cf821d98325a01e"),
    ("n4", "9ac386e118695525a3ba3d65709c1ea67b1ed49224049d17f5e4f59e2d9970f2"),
    ("n5a", "552b21489b65f1cbee439c6c48312a20d7d1b894690e501c7953265997ebb717"),
    ("n5b", "9b6573d2eae8bcf657f938ce53c0bd017dc0092f82042f7e22ad281aff8eaaa2"),
    ("n6a", "4ebd29dae81628bc9693774ca794bbdb6bb85447de48da55da50fec6058b44e6"),
    ("n6b", "a4f21ff4c7ca9ca7742d6247a566eff224550f86e04a3565b027d69f077613f2"),
    ("n7a", "d2e18f37cb05642bd899bdb7575bbc856670d3bfe841e87af354aa01d5247232"),
    ("n7b", "bd67010f18c78d2f59e00d8f67ae13b359be8e200f30a1eb0d5191ae7c8989ee"),
    ("n8h", "399efb257f12a375832f55f5c6da188cebc19d923cce04660fd6560a7a01f6a4"),
    ("n8m", "7e1799d8ca672fa6f98425a7d32ce57702b17bf658bcdf073b2762eb009f34ca"),
    ("n8w", "aacc0f2a2a3f1b0c76cdfb2b74e1e0cb04bada95b8b54f7ab35c5857ca06dba6"),
    ("n9", "d902580e311efddcb52eb97ee0982376166f4d50e619f4dba841478731cb34fd"),
    ("n10a", "3b836a6c6562abc3cc5ff71f6d2a45b921df81ad336af24448e22834dff99289"),
    ("n10b", "529c03a009a7787b99054a575b23679ddfe9bb6c9e24bfcaed5dfac96a41cf10"),
    ("n10c", "87a7aa55a50ddb96d4b9e9f9f0e8bb7537b4bab4eedc653b012619a8eac9185c"),
    ("n10d", "80f870c3f4f28acb048f3bdb31d2ea05681350ab0da51bb9f57d9f03ad1ee523"),
    ("n10e", "bdf6aeab28229146f3dff4238524e183f3540940be28c65be0239526142262f9"),
    ("n10f", "ea1dff152a8338932b1642780ab1c047fef86d59b9608c90adf223679ad7d291"),
    ("n10g", "a93164b1bcddbbc72ed85aa65d41f22fdc806633aa5e50c8923232dc15d1e70d"),
    ("n10h", "ab3f3bed6df6b399835c3a07eecd3a60a33ec46adf3e228b7c951280825b22ba"),
    ("n11", "fea33d47292bb54031fdc5ffe2f480954bfe6a3e35c04b5501250477ab02d522"),
];

#[test]
fn first_samples_are_the_same_bits_everywhere() {
    // A recording's samples are its file's.
    let found: Vec<_> = CATALOGUE
        .iter()
        .filter(|entry| entry.id != "n12")
        .map(|entry| (entry.id, fingerprint(&Preset::parse(entry.id).unwrap()).unwrap()))
        .collect();
    let found: Vec<(&str, &str)> = found.iter().map(|(id, hash)| (*id, hash.as_str())).collect();
    assert_eq!(found, HASHES);
}
