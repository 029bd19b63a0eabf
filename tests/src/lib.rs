//! What the end-to-end tests share: programs started, awaited and stopped.
