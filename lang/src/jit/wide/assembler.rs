//! Instructions of x86-64 with AVX-512, or with AVX2, for vectors of f64 or f32. What differs between the four lies here.
//!
//! A mask is a vector whose lanes are all ones or all zeros. At the end of a row only the first lanes are read and written: with
//! AVX-512 the register k1 says which, with AVX2 the topmost vector register.

use super::body::{One, Two};
use crate::jit::lanes::Comparison;
use iced_x86::{BlockEncoder, BlockEncoderOptions, Code, Instruction, InstructionBlock, MemoryOperand, Register};
use moyal_runtime::simd::Level;

/// Bytes of a vector.
pub fn vector_bytes(level: Level) -> usize {
    if level == Level::Avx512 { 64 } else { 32 }
}

/// How many vector registers bodies may use.
pub fn registers(level: Level) -> u8 {
    // AVX-512 keeps one for vectors that are put together, AVX2 two for the lanes at the end of a row.
    if level == Level::Avx512 { 31 } else { 14 }
}

/// Where an instruction reads or writes: in a vector register, or in memory.
#[derive(Clone, Copy)]
pub enum Place {
    Register(u8),
    /// In the function's frame, whole.
    Frame(MemoryOperand),
    /// In an array, of which only the first lanes may be touched at the end of a row.
    Array(MemoryOperand),
    /// In an array, across its edge (AVX-512): the lanes from `by` on of the vector at `low`, then the first ones of that at `high`.
    Around { low: MemoryOperand, high: MemoryOperand, by: u32 },
}

#[derive(Clone, Copy, PartialEq)]
pub struct Label(usize);

pub struct Assembler {
    level: Level,
    /// 8 or 4.
    lane_bytes: usize,
    code: Vec<Instruction>,
    /// Which instruction each label stands before.
    labels: Vec<usize>,
    branches: Vec<(usize, Label)>,
}

/// The code for (AVX2, f64), (AVX2, f32), (AVX-512, f64), (AVX-512, f32).
type Codes = [Code; 4];

const MASK: Register = Register::K1;
const CHOICE: Register = Register::K2;
/// AVX2: the mask of the lanes at the end of a row, and what is read with it.
const LAST: Register = Register::YMM14;
const READ: Register = Register::YMM15;
/// AVX-512: what is read across an edge.
const TURNED: Register = Register::ZMM31;

const LOAD: Codes = [Code::VEX_Vmovupd_ymm_ymmm256, Code::VEX_Vmovups_ymm_ymmm256, Code::EVEX_Vmovupd_zmm_k1z_zmmm512, Code::EVEX_Vmovups_zmm_k1z_zmmm512];
const STORE: Codes = [Code::VEX_Vmovupd_ymmm256_ymm, Code::VEX_Vmovups_ymmm256_ymm, Code::EVEX_Vmovupd_zmmm512_k1z_zmm, Code::EVEX_Vmovups_zmmm512_k1z_zmm];
const SQRT: Codes = [Code::VEX_Vsqrtpd_ymm_ymmm256, Code::VEX_Vsqrtps_ymm_ymmm256, Code::EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er, Code::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er];
const ROUND: Codes = [Code::VEX_Vroundpd_ymm_ymmm256_imm8, Code::VEX_Vroundps_ymm_ymmm256_imm8, Code::EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae, Code::EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae];
const COMPARE: Codes = [Code::VEX_Vcmppd_ymm_ymm_ymmm256_imm8, Code::VEX_Vcmpps_ymm_ymm_ymmm256_imm8, Code::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae, Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae];
const BLEND: Codes = [Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm, Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm, Code::EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64, Code::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32];
const EVERYWHERE: Codes = [Code::VEX_Vbroadcastsd_ymm_m64, Code::VEX_Vbroadcastss_ymm_m32, Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64, Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32];

fn codes(op: Two) -> Codes {
    match op {
        Two::Add => [Code::VEX_Vaddpd_ymm_ymm_ymmm256, Code::VEX_Vaddps_ymm_ymm_ymmm256, Code::EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er, Code::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er],
        Two::Sub => [Code::VEX_Vsubpd_ymm_ymm_ymmm256, Code::VEX_Vsubps_ymm_ymm_ymmm256, Code::EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er, Code::EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er],
        Two::Mul => [Code::VEX_Vmulpd_ymm_ymm_ymmm256, Code::VEX_Vmulps_ymm_ymm_ymmm256, Code::EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er, Code::EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er],
        Two::Div => [Code::VEX_Vdivpd_ymm_ymm_ymmm256, Code::VEX_Vdivps_ymm_ymm_ymmm256, Code::EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er, Code::EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er],
        Two::And => [Code::VEX_Vandpd_ymm_ymm_ymmm256, Code::VEX_Vandps_ymm_ymm_ymmm256, Code::EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64, Code::EVEX_Vandps_zmm_k1z_zmm_zmmm512b32],
        Two::Or => [Code::VEX_Vorpd_ymm_ymm_ymmm256, Code::VEX_Vorps_ymm_ymm_ymmm256, Code::EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64, Code::EVEX_Vorps_zmm_k1z_zmm_zmmm512b32],
        Two::Xor => [Code::VEX_Vxorpd_ymm_ymm_ymmm256, Code::VEX_Vxorps_ymm_ymm_ymmm256, Code::EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64, Code::EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32],
        Two::Compare(_) => COMPARE,
    }
}

/// The predicate of a comparison; not-a-number raises nothing.
fn predicate(how: Comparison) -> u32 {
    match how {
        Comparison::Equal => 0x00,
        Comparison::NotEqual => 0x04,
        Comparison::Less => 0x11,
        Comparison::LessOrEqual => 0x12,
        Comparison::Greater => 0x1e,
        Comparison::GreaterOrEqual => 0x1d,
        Comparison::Unordered => 0x03,
    }
}

impl Assembler {
    pub fn new(level: Level, lane_bytes: usize) -> Assembler {
        Assembler { level, lane_bytes, code: vec![], labels: vec![], branches: vec![] }
    }

    /// Whether `last_lanes` needs the numbers of the lanes.
    pub fn counts_lanes(&self) -> bool {
        self.level != Level::Avx512
    }

    /// Whether vectors can be read across an edge.
    pub fn turns_around(&self) -> bool {
        self.level == Level::Avx512
    }

    pub fn lanes(&self) -> i64 {
        (vector_bytes(self.level) / self.lane_bytes) as i64
    }

    fn single(&self) -> bool {
        self.lane_bytes == 4
    }

    fn code(&self, codes: Codes) -> Code {
        codes[2 * (self.level == Level::Avx512) as usize + self.single() as usize]
    }

    fn vector(&self, register: u8) -> Register {
        (if self.level == Level::Avx512 { Register::ZMM0 } else { Register::YMM0 }) + register as u32
    }

    fn push(&mut self, instruction: Result<Instruction, iced_x86::IcedError>) {
        self.code.push(instruction.expect("operands of the instruction's form"));
    }

    // ---- vectors ----

    fn masked(&mut self) {
        let last = self.code.last_mut().expect("an instruction");
        last.set_op_mask(MASK);
        last.set_zeroing_masking(true);
    }

    /// Reads a place with AVX2 at the end of a row into the register kept for that.
    fn read_last(&mut self, at: MemoryOperand) {
        let code = if self.single() { Code::VEX_Vmaskmovps_ymm_ymm_m256 } else { Code::VEX_Vmaskmovpd_ymm_ymm_m256 };
        self.push(Instruction::with3(code, READ, LAST, at));
    }

    /// An instruction whose last argument is a place; `make` gives it for a register or for memory. With `last` only the first lanes
    /// of an array are read.
    fn reading(&mut self, from: Place, last: bool, make: &dyn Fn(Result<Register, MemoryOperand>) -> Result<Instruction, iced_x86::IcedError>) {
        match from {
            Place::Register(r) => {
                let instruction = make(Ok(self.vector(r)));
                self.push(instruction);
            }
            Place::Array(at) if last && self.level != Level::Avx512 => {
                self.read_last(at);
                self.push(make(Ok(READ)));
            }
            Place::Array(at) if last => {
                self.push(make(Err(at)));
                self.masked();
            }
            Place::Frame(at) | Place::Array(at) => self.push(make(Err(at))),
            Place::Around { low, high, by } => {
                self.push(Instruction::with2(self.code(LOAD), TURNED, high));
                let code = if self.single() { Code::EVEX_Valignd_zmm_k1z_zmm_zmmm512b32_imm8 } else { Code::EVEX_Valignq_zmm_k1z_zmm_zmmm512b64_imm8 };
                self.push(Instruction::with4(code, TURNED, TURNED, low, by));
                self.push(make(Ok(TURNED)));
            }
        }
    }

    pub fn load(&mut self, to: u8, from: Place, last: bool) {
        let (code, to) = (self.code(LOAD), self.vector(to));
        self.reading(from, last, &|from| match from {
            Ok(register) => Instruction::with2(code, to, register),
            Err(memory) => Instruction::with2(code, to, memory),
        });
    }

    pub fn store(&mut self, to: Place, from: u8, last: bool) {
        let from = self.vector(from);
        let (Place::Frame(at) | Place::Array(at)) = to else { unreachable!("stores go to memory") };
        if !(last && matches!(to, Place::Array(_))) {
            return self.push(Instruction::with2(self.code(STORE), at, from));
        }
        if self.level == Level::Avx512 {
            self.push(Instruction::with2(self.code(STORE), at, from));
            self.code.last_mut().expect("an instruction").set_op_mask(MASK);
        } else {
            let code = if self.single() { Code::VEX_Vmaskmovps_m256_ymm_ymm } else { Code::VEX_Vmaskmovpd_m256_ymm_ymm };
            self.push(Instruction::with3(code, at, LAST, from));
        }
    }

    pub fn one(&mut self, op: One, to: u8, from: Place, last: bool) {
        let to = self.vector(to);
        // Bit 3: no exception for what is rounded.
        let mode = match op {
            One::Sqrt => {
                let code = self.code(SQRT);
                return self.reading(from, last, &|from| match from {
                    Ok(register) => Instruction::with2(code, to, register),
                    Err(memory) => Instruction::with2(code, to, memory),
                });
            }
            One::Nearest => 8u32,
            One::Floor => 9,
            One::Ceil => 10,
            One::Trunc => 11,
        };
        let code = self.code(ROUND);
        self.reading(from, last, &|from| match from {
            Ok(register) => Instruction::with3(code, to, register, mode),
            Err(memory) => Instruction::with3(code, to, memory, mode),
        });
    }

    pub fn two(&mut self, op: Two, to: u8, left: u8, right: Place, last: bool) {
        let (code, left, target) = (self.code(codes(op)), self.vector(left), self.vector(to));
        let Two::Compare(how) = op else {
            return self.reading(right, last, &|right| match right {
                Ok(register) => Instruction::with3(code, target, left, register),
                Err(memory) => Instruction::with3(code, target, left, memory),
            });
        };
        let (predicate, wide) = (predicate(how), self.level == Level::Avx512);
        let result = if wide { CHOICE } else { target };
        let compare = |right: Place, assembler: &mut Assembler| {
            assembler.reading(right, last, &|right| match right {
                Ok(register) => Instruction::with4(code, result, left, register, predicate),
                Err(memory) => Instruction::with4(code, result, left, memory, predicate),
            });
        };
        compare(right, self);
        if wide {
            // A mask register is never filled with zeros where it is masked: that is what masking does to it.
            self.code.last_mut().expect("an instruction").set_zeroing_masking(false);
            let code = if self.single() { Code::EVEX_Vpmovm2d_zmm_kr } else { Code::EVEX_Vpmovm2q_zmm_kr };
            self.push(Instruction::with2(code, target, CHOICE));
        }
    }

    /// `then` (never in an array) where the mask is set, else `otherwise`.
    pub fn choose(&mut self, to: u8, mask: u8, then: Place, otherwise: u8) {
        let (code, to, mask, otherwise) = (self.code(BLEND), self.vector(to), self.vector(mask), self.vector(otherwise));
        if self.level != Level::Avx512 {
            return self.reading(then, false, &|then| match then {
                Ok(register) => Instruction::with4(code, to, otherwise, register, mask),
                Err(memory) => Instruction::with4(code, to, otherwise, memory, mask),
            });
        }
        let bits = if self.single() { Code::EVEX_Vpmovd2m_kr_zmm } else { Code::EVEX_Vpmovq2m_kr_zmm };
        self.push(Instruction::with2(bits, CHOICE, mask));
        self.reading(then, false, &|then| match then {
            Ok(register) => Instruction::with3(code, to, otherwise, register),
            Err(memory) => Instruction::with3(code, to, otherwise, memory),
        });
        self.code.last_mut().expect("an instruction").set_op_mask(CHOICE);
    }

    /// One number in all lanes.
    pub fn everywhere(&mut self, to: u8, from: MemoryOperand) {
        self.push(Instruction::with2(self.code(EVERYWHERE), self.vector(to), from));
    }

    /// The 64 bits of a general register, again and again.
    pub fn repeat(&mut self, to: u8, from: Register) {
        if self.level == Level::Avx512 {
            return self.push(Instruction::with2(Code::EVEX_Vpbroadcastq_zmm_k1z_r64, self.vector(to), from));
        }
        self.push(Instruction::with2(Code::VEX_Vmovq_xmm_rm64, Register::XMM0 + to as u32, from));
        self.push(Instruction::with2(Code::VEX_Vpbroadcastq_ymm_xmmm64, self.vector(to), Register::XMM0 + to as u32));
    }

    /// Sets which lanes are touched at the end of a row: the first `count`, a general register (which it overwrites); `numbers` is
    /// where 0, 1, 2, … lie, as wide as the lanes.
    pub fn last_lanes(&mut self, count: Register, numbers: MemoryOperand) {
        if self.level == Level::Avx512 {
            self.push(Instruction::with2(Code::Mov_r64_imm64, Register::RAX, u64::MAX));
            self.push(Instruction::with3(Code::VEX_Bzhi_r64_rm64_r64, count, Register::RAX, count));
            self.push(Instruction::with2(Code::VEX_Kmovq_kr_r64, MASK, count));
            return;
        }
        self.push(Instruction::with2(Code::VEX_Vmovq_xmm_rm64, Register::XMM14, count));
        let (spread, compare) = if self.single() {
            (Code::VEX_Vpbroadcastd_ymm_xmmm32, Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256)
        } else {
            (Code::VEX_Vpbroadcastq_ymm_xmmm64, Code::VEX_Vpcmpgtq_ymm_ymm_ymmm256)
        };
        self.push(Instruction::with2(spread, LAST, Register::XMM14));
        self.push(Instruction::with3(compare, LAST, LAST, numbers));
    }

    // ---- general registers ----

    pub fn get(&mut self, to: Register, from: MemoryOperand) {
        self.push(Instruction::with2(Code::Mov_r64_rm64, to, from));
    }

    pub fn get_byte(&mut self, to: Register, from: MemoryOperand) {
        self.push(Instruction::with2(Code::Movzx_r64_rm8, to, from));
    }

    pub fn put(&mut self, to: MemoryOperand, from: Register) {
        self.push(Instruction::with2(Code::Mov_rm64_r64, to, from));
    }

    pub fn copy(&mut self, to: Register, from: Register) {
        self.push(Instruction::with2(Code::Mov_r64_rm64, to, from));
    }

    pub fn set(&mut self, to: Register, number: i64) {
        match u32::try_from(number) {
            Ok(small) => {
                // Writing the lower half clears the upper one.
                let half = lower_half(to);
                self.push(Instruction::with2(Code::Mov_r32_imm32, half, small));
            }
            Err(_) => self.push(Instruction::with2(Code::Mov_r64_imm64, to, number)),
        }
    }

    /// `to = from + number`
    pub fn sum(&mut self, to: Register, from: Register, number: i32) {
        self.push(Instruction::with2(Code::Lea_r64_m, to, MemoryOperand::with_base_displ(from, number as i64)));
    }

    pub fn times(&mut self, to: Register, from: Register, number: i32) {
        self.push(Instruction::with3(Code::Imul_r64_rm64_imm32, to, from, number));
    }

    pub fn add(&mut self, to: Register, from: MemoryOperand) {
        self.push(Instruction::with2(Code::Add_r64_rm64, to, from));
    }

    pub fn add_number(&mut self, to: Register, number: i32) {
        self.push(Instruction::with2(Code::Add_rm64_imm32, to, number));
    }

    pub fn subtract(&mut self, to: Register, from: Register) {
        self.push(Instruction::with2(Code::Sub_r64_rm64, to, from));
    }

    pub fn negate(&mut self, register: Register) {
        self.push(Instruction::with1(Code::Neg_rm64, register));
    }

    pub fn and_number(&mut self, to: Register, number: i32) {
        self.push(Instruction::with2(Code::And_rm64_imm32, to, number));
    }

    pub fn compare_number(&mut self, register: Register, number: i32) {
        self.push(Instruction::with2(Code::Cmp_rm64_imm32, register, number));
    }

    pub fn compare_memory(&mut self, register: Register, with: MemoryOperand) {
        self.push(Instruction::with2(Code::Cmp_r64_rm64, register, with));
    }

    /// `to = from` if the comparison before said less.
    pub fn copy_if_less(&mut self, to: Register, from: Register) {
        self.push(Instruction::with2(Code::Cmovl_r64_rm64, to, from));
    }

    pub fn copy_if_not_less(&mut self, to: Register, from: Register) {
        self.push(Instruction::with2(Code::Cmovge_r64_rm64, to, from));
    }

    pub fn save(&mut self, register: Register) {
        self.push(Instruction::with1(Code::Push_r64, register));
    }

    pub fn restore(&mut self, register: Register) {
        self.push(Instruction::with1(Code::Pop_r64, register));
    }

    /// Back to the caller, whose vectors may be narrower.
    pub fn end(&mut self) {
        self.code.push(Instruction::with(Code::Retnq));
    }

    pub fn clear_upper(&mut self) {
        self.code.push(Instruction::with(Code::VEX_Vzeroupper));
    }

    // ---- jumps ----

    pub fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0] = self.code.len();
    }

    fn branch(&mut self, code: Code, to: Label) {
        self.branches.push((self.code.len(), to));
        self.push(Instruction::with_branch(code, 0));
    }

    pub fn jump_if_less(&mut self, to: Label) {
        self.branch(Code::Jl_rel32_64, to);
    }

    pub fn jump_if_not_less(&mut self, to: Label) {
        self.branch(Code::Jge_rel32_64, to);
    }

    pub fn jump_if_greater(&mut self, to: Label) {
        self.branch(Code::Jg_rel32_64, to);
    }

    pub fn jump_if_not_greater(&mut self, to: Label) {
        self.branch(Code::Jle_rel32_64, to);
    }

    /// The bytes of the function, which may stand anywhere.
    pub fn bytes(mut self) -> Result<Vec<u8>, String> {
        // The n-th instruction is known as n + 1; zero means none.
        for (k, instruction) in self.code.iter_mut().enumerate() {
            instruction.set_ip(k as u64 + 1);
        }
        for (k, label) in &self.branches {
            self.code[*k].set_near_branch64(self.labels[label.0] as u64 + 1);
        }
        let block = InstructionBlock::new(&self.code, 0);
        BlockEncoder::encode(64, block, BlockEncoderOptions::NONE).map(|r| r.code_buffer).map_err(|e| e.to_string())
    }
}

fn lower_half(register: Register) -> Register {
    Register::EAX + (register as u32 - Register::RAX as u32)
}
