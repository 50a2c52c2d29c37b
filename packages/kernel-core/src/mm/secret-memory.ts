import { EINVAL } from '@sandbox/abi';
import { ATTR_SIZE, type SetAttr, TmpfsRegular } from '@sandbox/vfs';

/** The content of a file of memfd_secret(2): its size is set once. */
export class SecretMemory extends TmpfsRegular {
  override setattr(attr: SetAttr): number {
    return (attr.valid & ATTR_SIZE) !== 0 && this.size > 0 ? -EINVAL : super.setattr(attr);
  }
}
