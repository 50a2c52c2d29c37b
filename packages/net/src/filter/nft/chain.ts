import { NFT_BREAK, NFT_CONTINUE, NFT_GOTO, NFT_JUMP, NFT_RETURN } from '@sandbox/abi';
import type { HookedRules } from '../netfilter.js';
import { ACCEPT, DROP, type Visit } from '../rules.js';
import { type Expression, Registers } from './registers.js';

/** Expressions one after the other, until one of them does not want to go on. */
export interface Rule {
  readonly expressions: readonly Expression[];
}

export interface Chain {
  readonly rules: readonly Rule[];
}

/** Chains nested in each other, at most (NFT_JUMP_STACK_SIZE). */
export const JUMP_DEPTH = 16;

/** A chain at a hook (base chain of nft(8)), with what becomes of packets no rule decides about. */
export class BaseChain implements HookedRules {
  /** Packets the policy decided about, counted where that was asked for. */
  counting = false;
  packets = 0;
  bytes = 0;
  private readonly registers = new Registers();
  private readonly chains: Chain[] = [];
  private readonly places = new Int32Array(JUMP_DEPTH);

  constructor(
    readonly chain: Chain,
    readonly priority: number,
    public policy: number,
  ) {}

  /** DROP or ACCEPT (nft_do_chain). Loops have been refused when the rules came in. */
  evaluate(visit: Visit): number {
    const { registers, chains, places } = this;
    let { chain } = this;
    let at = 0;
    let depth = 0;
    for (;;) {
      registers.verdict = NFT_CONTINUE;
      at = run(chain, at, registers, visit);
      switch (registers.verdict) {
        case DROP:
        case ACCEPT:
          return registers.verdict;
        case NFT_JUMP:
          if (depth === JUMP_DEPTH) return DROP;
          chains[depth] = chain;
          places[depth++] = at;
          chain = registers.chain as Chain;
          at = 0;
          break;
        case NFT_GOTO:
          chain = registers.chain as Chain;
          at = 0;
          break;
        default:
          if (depth === 0) return this.undecided(visit);
          chain = chains[--depth];
          at = places[depth];
      }
    }
  }

  private undecided({ flow }: Visit): number {
    if (this.counting) {
      this.packets++;
      this.bytes += flow.end - flow.network;
    }
    return this.policy;
  }
}

/** Rules from `at` on, up to one that decides; the place behind it. */
function run(chain: Chain, at: number, registers: Registers, visit: Visit): number {
  const { rules } = chain;
  for (let i = at; i < rules.length; i++) {
    const { expressions } = rules[i];
    for (let e = 0; e < expressions.length && registers.verdict === NFT_CONTINUE; e++)
      expressions[e].evaluate(registers, visit);
    if (registers.verdict === NFT_BREAK) registers.verdict = NFT_CONTINUE;
    else if (registers.verdict !== NFT_CONTINUE) return i + 1;
  }
  registers.verdict = NFT_RETURN;
  return rules.length;
}
