/**
 * nf_tables: chains of rules made of expressions over registers, and sets. How nft(8) writes them down is the
 * kernel's matter.
 */
export * from './actions.js';
export { BaseChain, type Chain, JUMP_DEPTH, type Rule } from './chain.js';
export * from './ct.js';
export * from './data.js';
export * from './lookup.js';
export * from './meta.js';
export * from './payload.js';
export { type Expression, REGISTER_BYTES, Registers } from './registers.js';
export { type ElementRoom, NftSet, type SetElement, type VerdictData } from './set.js';
export * from './stateful.js';
