//! State graphs: pure plan and apply, a thin driver, checkpoints and interrupts.
