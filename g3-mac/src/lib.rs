//! G3-PLC (ITU-T G.9903) MAC and 6LoWPAN adaptation layer.
#![no_std]
