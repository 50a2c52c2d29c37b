import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_HDRSIZE,
  CTRL_ATTR_MAXATTR,
  CTRL_ATTR_VERSION,
  CTRL_CMD_GETFAMILY,
  CTRL_CMD_NEWFAMILY,
  EINVAL,
  ENOENT,
  EOPNOTSUPP,
  GENL_ID_CTRL,
  NLM_F_DUMP,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { parseAttributes, stringOf, u16At } from '@sandbox/net';
import type { NetlinkReply, NetlinkRequest, NetlinkService } from './domain.js';
import type { NetlinkSocket } from './socket.js';

const NAME = 'nlctrl';
const VERSION = 2;
const MAX_ATTRIBUTE = 10;
/** struct genlmsghdr. */
export const GENL_HEADER = 4;

/** What the controller tells of a family. */
interface FamilyInfo {
  readonly name: string;
  /** Type of its messages. */
  readonly id: number;
  readonly version: number;
  readonly maxAttribute: number;
}

/** A generic netlink family. */
export interface Family extends FamilyInfo {
  /** Serve a command. 0 or -errno; `reply` has what else goes back. */
  serve(
    command: number,
    attributes: Map<number, Uint8Array>,
    reply: NetlinkReply,
    caller: Task,
    socket: NetlinkSocket,
  ): number;
  /** A socket is gone. */
  released?(socket: NetlinkSocket): void;
}

const CONTROLLER: FamilyInfo = {
  name: NAME,
  id: GENL_ID_CTRL,
  version: VERSION,
  maxAttribute: MAX_ATTRIBUTE,
};

/** NETLINK_GENERIC: the controller, which tells of families, and the families. */
export class GenericService implements NetlinkService {
  constructor(private readonly families: readonly Family[]) {}

  serve(request: NetlinkRequest, reply: NetlinkReply, caller: Task, socket: NetlinkSocket): number {
    const family = this.families.find((f) => f.id === request.type);
    if (request.type !== GENL_ID_CTRL && family === undefined) return -ENOENT;
    if (request.payload.length < GENL_HEADER) return -EINVAL;
    const command = request.payload[0]!;
    const attributes = parseAttributes(request.payload, GENL_HEADER);
    if (family !== undefined) return family.serve(command, attributes, reply, caller, socket);
    if (command !== CTRL_CMD_GETFAMILY) return -EOPNOTSUPP;
    const all = [CONTROLLER, ...this.families];
    if ((request.flags & NLM_F_DUMP) !== 0) {
      reply.dump();
      for (const f of all) this.write(reply, f);
      return 0;
    }
    const id = attributes.get(CTRL_ATTR_FAMILY_ID);
    const name = stringOf(attributes, CTRL_ATTR_FAMILY_NAME);
    if (id === undefined && name === undefined) return -EINVAL;
    const found = all.find((f) => (name !== undefined ? f.name === name : f.id === u16At(id!, 0)));
    if (found === undefined) return -ENOENT;
    this.write(reply, found);
    return 0;
  }

  released(socket: NetlinkSocket): void {
    for (const family of this.families) family.released?.(socket);
  }

  private write(reply: NetlinkReply, family: FamilyInfo): void {
    const w = reply.begin(GENL_ID_CTRL);
    const at = w.header(GENL_HEADER);
    w.set8(at, CTRL_CMD_NEWFAMILY);
    w.set8(at + 1, VERSION);
    w.string(CTRL_ATTR_FAMILY_NAME, family.name);
    w.u16(CTRL_ATTR_FAMILY_ID, family.id);
    w.u32(CTRL_ATTR_VERSION, family.version);
    w.u32(CTRL_ATTR_HDRSIZE, 0);
    w.u32(CTRL_ATTR_MAXATTR, family.maxAttribute);
    reply.end();
  }
}
