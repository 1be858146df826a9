//! The `syndarix` binary.

fn main() {}
