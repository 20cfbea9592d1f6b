//! What both OFDM PHYs compute with: FFT, codes, CRC, scrambler, soft decisions, windows.
#![no_std]
