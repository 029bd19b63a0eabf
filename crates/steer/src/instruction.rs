//! One instruction of the kernel's machine (RFC 9669).

/// An instruction as the kernel takes it: eight bytes, or sixteen for the one that loads a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct Instruction {
    opcode: u8,
    /// The destination in the low half, the source in the high one; on big-endian machines the other way round.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register. `R0` is what comes back, `R1` to `R5` are arguments and do not survive a call, `R6` to `R9` do, `R10`
/// is the end of the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Register {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R6 = 6,
    R7 = 7,
    R8 = 8,
    R10 = 10,
}

/// A function of the kernel (linux/bpf.h, `___BPF_FUNC_MAPPER`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub(crate) enum Helper {
    MapLookup = 1,
    Clock = 5,
    SocketRelease = 86,
    SocketAssign = 124,
}

impl Instruction {
    /// `to = from`
    pub(crate) fn copy(to: Register, from: Register) -> Instruction {
        Instruction::new(0xbf, to, from, 0, 0)
    }

    /// `to = value`
    pub(crate) fn set(to: Register, value: i32) -> Instruction {
        Instruction::new(0xb7, to, Register::R0, 0, value)
    }

    /// `to += value`
    pub(crate) fn add(to: Register, value: i32) -> Instruction {
        Instruction::new(0x07, to, Register::R0, 0, value)
    }

    /// `to = the low half of to >> bits`
    pub(crate) fn shift_to_half(to: Register, bits: i32) -> [Instruction; 2] {
        [Instruction::new(0x77, to, Register::R0, 0, bits), Instruction::new(0xbc, to, to, 0, 0)]
    }

    /// `to = the 32 bits at place + offset`
    pub(crate) fn load(to: Register, place: Register, offset: i16) -> Instruction {
        Instruction::new(0x61, to, place, offset, 0)
    }

    /// `the 32 bits at place + offset = from`
    pub(crate) fn store(place: Register, offset: i16, from: Register) -> Instruction {
        Instruction::new(0x63, place, from, offset, 0)
    }

    /// `the 32 bits at place + offset = value`
    pub(crate) fn store_value(place: Register, offset: i16, value: i32) -> Instruction {
        Instruction::new(0x62, place, Register::R0, offset, value)
    }

    /// Skips `count` instructions when `register == value`.
    pub(crate) fn skip_if_equal(register: Register, value: i32, count: usize) -> Instruction {
        Instruction::new(SKIP_IF_EQUAL, register, Register::R0, offset(count), value)
    }

    /// Skips `count` instructions when the registers are equal.
    pub(crate) fn skip_if_same(one: Register, other: Register, count: usize) -> Instruction {
        Instruction::new(SKIP_IF_SAME, one, other, offset(count), 0)
    }

    /// Skips `count` instructions when the registers differ.
    pub(crate) fn skip_unless_same(one: Register, other: Register, count: usize) -> Instruction {
        Instruction::new(SKIP_UNLESS_SAME, one, other, offset(count), 0)
    }

    /// Skips `count` instructions when `register > value`, both without sign.
    pub(crate) fn skip_if_above(register: Register, value: i32, count: usize) -> Instruction {
        Instruction::new(SKIP_IF_ABOVE, register, Register::R0, offset(count), value)
    }

    /// Skips `count` instructions when `register <= value`, both without sign.
    pub(crate) fn skip_unless_above(register: Register, value: i32, count: usize) -> Instruction {
        Instruction::new(SKIP_UNLESS_ABOVE, register, Register::R0, offset(count), value)
    }

    /// Skips `count` instructions when `register != value`.
    pub(crate) fn skip_unless_equal(register: Register, value: i32, count: usize) -> Instruction {
        Instruction::new(SKIP_UNLESS_EQUAL, register, Register::R0, offset(count), value)
    }

    /// `the 64 bits at place + offset += from`, whatever other processors add meanwhile.
    pub(crate) fn add_for_all(place: Register, offset: i16, from: Register) -> Instruction {
        Instruction::new(0xdb, place, from, offset, 0)
    }

    /// Skips `count` instructions.
    pub(crate) fn skip(count: usize) -> Instruction {
        Instruction::new(SKIP, Register::R0, Register::R0, offset(count), 0)
    }

    /// How many instructions it may skip.
    #[cfg(test)]
    pub(crate) fn skipped(self) -> Option<usize> {
        SKIPS.contains(&self.opcode).then(|| usize::try_from(self.offset).unwrap())
    }

    /// `to = the table with this descriptor`; the kernel puts its address in place of the descriptor.
    pub(crate) fn load_map(to: Register, descriptor: i32) -> [Instruction; 2] {
        let mut first = Instruction::new(0x18, to, Register::R0, 0, descriptor);
        first.registers = registers(to as u8, PSEUDO_MAP);
        [first, Instruction { opcode: 0, registers: 0, offset: 0, immediate: 0 }]
    }

    /// Calls a function of the kernel.
    pub(crate) fn call(helper: Helper) -> Instruction {
        Instruction::new(0x85, Register::R0, Register::R0, 0, helper as i32)
    }

    /// Ends the program with what is in `R0`.
    pub(crate) fn exit() -> Instruction {
        Instruction::new(0x95, Register::R0, Register::R0, 0, 0)
    }

    fn new(opcode: u8, to: Register, from: Register, offset: i16, immediate: i32) -> Instruction {
        Instruction { opcode, registers: registers(to as u8, from as u8), offset, immediate }
    }
}

/// Two bit fields of a C structure: their order is that of the machine.
fn registers(to: u8, from: u8) -> u8 {
    if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from }
}

fn offset(count: usize) -> i16 {
    i16::try_from(count).expect("our program has a few dozen instructions")
}

#[cfg(test)]
const SKIPS: [u8; 7] = [
    SKIP,
    SKIP_IF_EQUAL,
    SKIP_IF_SAME,
    SKIP_IF_ABOVE,
    SKIP_UNLESS_EQUAL,
    SKIP_UNLESS_SAME,
    SKIP_UNLESS_ABOVE,
];
const SKIP: u8 = 0x05;
const SKIP_IF_EQUAL: u8 = 0x15;
const SKIP_IF_SAME: u8 = 0x1d;
const SKIP_IF_ABOVE: u8 = 0x25;
const SKIP_UNLESS_EQUAL: u8 = 0x55;
const SKIP_UNLESS_SAME: u8 = 0x5d;
const SKIP_UNLESS_ABOVE: u8 = 0xb5;
/// Says that the immediate value is the descriptor of a table.
const PSEUDO_MAP: u8 = 1;
