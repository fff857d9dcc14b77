import { Refusal } from '../refusal.js';
import { asOwner, type Command, type ConversationDecision, requireRoomForChange } from './conversation.js';

/** Selects the leaf that is shown, and that a message without a parent follows. Any node but a note may be selected. */
export function selectBranch(command: Command, leaf: string): ConversationDecision {
  return asOwner(command, (state) => {
    const node = state.nodes.get(leaf);
    if (!node) throw new Refusal('leaf_not_found');
    if (node.kind === 'note') throw new Refusal('leaf_is_note');
    requireRoomForChange(state);
    return state.leaf === leaf ? [] : [{ type: 'BranchSelected', data: { leaf } }];
  });
}
