/**
 * The ELF format.
 *
 * Mirrors linux/elf.h and linux/elf-em.h; man 5 elf. Auxiliary vector: auxvec.ts. The DT_* names of
 * directory entries are in dirent.ts.
 */

// e_ident.
export const EI_NIDENT = 16;
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;
export const EI_OSABI = 7;
export const EI_PAD = 8;
export const ELFMAG0 = 0x7f;
export const ELFMAG1 = 69;
export const ELFMAG2 = 76;
export const ELFMAG3 = 70;
export const SELFMAG = 4;
export const ELFCLASSNONE = 0;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFCLASSNUM = 3;
export const ELFDATANONE = 0;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const ELFOSABI_NONE = 0;
export const ELFOSABI_LINUX = 3;
export const EV_NONE = 0;
export const EV_CURRENT = 1;
export const EV_NUM = 2;

// e_type.
export const ET_NONE = 0;
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;
export const ET_LOPROC = 0xff00;
export const ET_HIPROC = 0xffff;

// e_machine, the common ones.
export const EM_NONE = 0;
export const EM_386 = 3;
export const EM_ARM = 40;
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;
export const EM_RISCV = 243;
export const EM_BPF = 247;

// p_type.
export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_SHLIB = 5;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_LOOS = 0x60000000;
export const PT_HIOS = 0x6fffffff;
export const PT_LOPROC = 0x70000000;
export const PT_HIPROC = 0x7fffffff;
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PT_GNU_PROPERTY = 0x6474e553;
export const PT_AARCH64_MEMTAG_MTE = 0x70000002;

// p_flags.
export const PF_R = 0x4;
export const PF_W = 0x2;
export const PF_X = 0x1;

// Program headers counted elsewhere (more than 65534).
export const PN_XNUM = 0xffff;

// Dynamic section tags.
export const DT_NULL = 0;
export const DT_NEEDED = 1;
export const DT_PLTRELSZ = 2;
export const DT_PLTGOT = 3;
export const DT_HASH = 4;
export const DT_STRTAB = 5;
export const DT_SYMTAB = 6;
export const DT_RELA = 7;
export const DT_RELASZ = 8;
export const DT_RELAENT = 9;
export const DT_STRSZ = 10;
export const DT_SYMENT = 11;
export const DT_INIT = 12;
export const DT_FINI = 13;
export const DT_SONAME = 14;
export const DT_RPATH = 15;
export const DT_SYMBOLIC = 16;
export const DT_REL = 17;
export const DT_RELSZ = 18;
export const DT_RELENT = 19;
export const DT_PLTREL = 20;
export const DT_DEBUG = 21;
export const DT_TEXTREL = 22;
export const DT_JMPREL = 23;
export const DT_ENCODING = 32;
export const DT_LOOS = 0x6000000d;
export const DT_HIOS = 0x6ffff000;
export const DT_VALRNGLO = 0x6ffffd00;
export const DT_VALRNGHI = 0x6ffffdff;
export const DT_ADDRRNGLO = 0x6ffffe00;
export const DT_ADDRRNGHI = 0x6ffffeff;
export const DT_VERSYM = 0x6ffffff0;
export const DT_RELACOUNT = 0x6ffffff9;
export const DT_RELCOUNT = 0x6ffffffa;
export const DT_FLAGS_1 = 0x6ffffffb;
export const DT_VERDEF = 0x6ffffffc;
export const DT_VERDEFNUM = 0x6ffffffd;
export const DT_VERNEED = 0x6ffffffe;
export const DT_VERNEEDNUM = 0x6fffffff;
export const DT_LOPROC = 0x70000000;
export const DT_HIPROC = 0x7fffffff;

// Section types, flags and indices.
export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_HASH = 5;
export const SHT_DYNAMIC = 6;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_SHLIB = 10;
export const SHT_DYNSYM = 11;
export const SHT_NUM = 12;
export const SHT_LOPROC = 0x70000000;
export const SHT_HIPROC = 0x7fffffff;
export const SHT_LOUSER = 0x80000000;
export const SHT_HIUSER = 0xffffffff;
export const SHF_WRITE = 0x1;
export const SHF_ALLOC = 0x2;
export const SHF_EXECINSTR = 0x4;
export const SHF_RELA_LIVEPATCH = 0x100000;
export const SHF_RO_AFTER_INIT = 0x200000;
export const SHF_MASKPROC = 0xf0000000;
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_LOPROC = 0xff00;
export const SHN_HIPROC = 0xff1f;
export const SHN_LIVEPATCH = 0xff20;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_HIRESERVE = 0xffff;

// Symbol bindings and types.
export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;
export const STT_COMMON = 5;
export const STT_TLS = 6;

// Core dump and regset notes.
export const NT_PRSTATUS = 1;
export const NT_PRFPREG = 2;
export const NT_PRPSINFO = 3;
export const NT_TASKSTRUCT = 4;
export const NT_AUXV = 6;
export const NT_SIGINFO = 0x53494749;
export const NT_FILE = 0x46494c45;
export const NT_386_TLS = 0x200;
export const NT_386_IOPERM = 0x201;
export const NT_X86_XSTATE = 0x202;
export const NT_X86_SHSTK = 0x204;
export const NT_GNU_PROPERTY_TYPE_0 = 5;

/** `Elf64_Ehdr`. */
export const ELF64_EHDR = {
  SIZE: 64,
  e_ident: 0,
  e_type: 16,
  e_machine: 18,
  e_version: 20,
  e_entry: 24,
  e_phoff: 32,
  e_shoff: 40,
  e_flags: 48,
  e_ehsize: 52,
  e_phentsize: 54,
  e_phnum: 56,
  e_shentsize: 58,
  e_shnum: 60,
  e_shstrndx: 62,
} as const;

/** `Elf64_Phdr`. */
export const ELF64_PHDR = {
  SIZE: 56,
  p_type: 0,
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_paddr: 24,
  p_filesz: 32,
  p_memsz: 40,
  p_align: 48,
} as const;

/** `Elf64_Shdr`. */
export const ELF64_SHDR = {
  SIZE: 64,
  sh_name: 0,
  sh_type: 4,
  sh_flags: 8,
  sh_addr: 16,
  sh_offset: 24,
  sh_size: 32,
  sh_link: 40,
  sh_info: 44,
  sh_addralign: 48,
  sh_entsize: 56,
} as const;

/** `Elf64_Sym`. */
export const ELF64_SYM = {
  SIZE: 24,
  st_name: 0,
  st_info: 4,
  st_other: 5,
  st_shndx: 6,
  st_value: 8,
  st_size: 16,
} as const;

/** `Elf64_Dyn`. */
export const ELF64_DYN = {
  SIZE: 16,
  d_tag: 0,
  d_un: 8,
} as const;

/** `Elf64_Rela`. */
export const ELF64_RELA = {
  SIZE: 24,
  r_offset: 0,
  r_info: 8,
  r_addend: 16,
} as const;

/** `Elf64_Nhdr`. */
export const ELF64_NHDR = {
  SIZE: 12,
  n_namesz: 0,
  n_descsz: 4,
  n_type: 8,
} as const;
