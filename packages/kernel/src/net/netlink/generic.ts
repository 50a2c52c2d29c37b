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
import { parseAttributes, stringOf, u16At } from '@sandbox/net';
import type { NetlinkReply, NetlinkRequest, NetlinkService } from './domain.js';

const NAME = 'nlctrl';
const VERSION = 2;
const MAX_ATTRIBUTE = 10;
/** struct genlmsghdr. */
const HEADER = 4;

/** NETLINK_GENERIC: its controller, which knows no family but itself. */
export class GenericService implements NetlinkService {
  serve(request: NetlinkRequest, reply: NetlinkReply): number {
    if (request.type !== GENL_ID_CTRL) return -ENOENT;
    if (request.payload.length < HEADER) return -EINVAL;
    if (request.payload[0] !== CTRL_CMD_GETFAMILY) return -EOPNOTSUPP;
    if ((request.flags & NLM_F_DUMP) !== 0) {
      reply.dump();
      this.write(reply);
      return 0;
    }
    const attributes = parseAttributes(request.payload, HEADER);
    const id = attributes.get(CTRL_ATTR_FAMILY_ID);
    const name = stringOf(attributes, CTRL_ATTR_FAMILY_NAME);
    if (id === undefined && name === undefined) return -EINVAL;
    if (name !== undefined ? name !== NAME : u16At(id!, 0) !== GENL_ID_CTRL) return -ENOENT;
    this.write(reply);
    return 0;
  }

  private write(reply: NetlinkReply): void {
    const w = reply.begin(GENL_ID_CTRL);
    const at = w.header(HEADER);
    w.set8(at, CTRL_CMD_NEWFAMILY);
    w.set8(at + 1, VERSION);
    w.string(CTRL_ATTR_FAMILY_NAME, NAME);
    w.u16(CTRL_ATTR_FAMILY_ID, GENL_ID_CTRL);
    w.u32(CTRL_ATTR_VERSION, VERSION);
    w.u32(CTRL_ATTR_HDRSIZE, 0);
    w.u32(CTRL_ATTR_MAXATTR, MAX_ATTRIBUTE);
    reply.end();
  }
}
