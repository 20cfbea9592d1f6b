//! DLMS/COSEM application layer: object model, server and client.
#![no_std]
