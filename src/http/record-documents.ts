import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { CompletenessProof, ShownCensus, ShownNeighbour } from '../notary/census-reader.js';
import type { InclusionProof, ProvenEntry, RecordedEntry, RunProof } from '../notary/record-reader.js';

const HASH = { example: 'RbffLUkRaaqV1AYW63EW35V9EaOEjE0OchLap7zkse0=' } as const;
const PATH = {
  type: [String] as [StringConstructor],
  description: 'Hashes as base64, the one nearest to the leaf first (RFC 6962).',
};
const LEAF = { description: 'The entry, as docs/record-format.md defines it.' } as const;
const BODY = {
  type: String,
  nullable: true,
  description: 'What the entry commits to. Null for the entry of a tape.',
} as const;
const CHECKPOINT = { description: 'The signed note of this tree.' } as const;

export class RecordKeyDocument {
  @ApiProperty({ description: 'The name of the tree in its notes.' })
  origin!: string;

  @ApiProperty({ description: 'The key that verifies them: `<name>+<id>+<key>` of C2SP.' })
  vkey!: string;

  @ApiProperty({ type: [String], description: 'The keys of witnesses. This release has none.' })
  witnesses!: readonly string[];
}

export class RecordedEntryDocument implements RecordedEntry {
  @ApiProperty({ type: 'integer' })
  index!: number;

  @ApiProperty(LEAF)
  leaf!: string;

  @ApiProperty(BODY)
  body!: string | null;

  @ApiProperty({ ...HASH, description: 'The leaf hash of RFC 6962.' })
  hash!: string;
}

export class FoundEntryDocument {
  @ApiProperty({ type: 'integer' })
  index!: number;
}

export class InclusionProofDocument implements InclusionProof {
  @ApiProperty({ type: 'integer' })
  index!: number;

  @ApiProperty({ type: 'integer', description: 'The tree to whose root the path leads.' })
  size!: number;

  @ApiProperty(PATH)
  path!: readonly string[];

  @ApiPropertyOptional({ ...CHECKPOINT, description: 'The signed note, if `size` is the last signed size.' })
  checkpoint?: string;
}

export class ConsistencyProofDocument {
  @ApiProperty({ type: 'integer' })
  from!: number;

  @ApiProperty({ type: 'integer' })
  to!: number;

  @ApiProperty(PATH)
  path!: readonly string[];
}

export class CensusDocument implements ShownCensus {
  @ApiProperty({ type: 'integer', description: 'The census counts the entries before this index.' })
  size!: number;

  @ApiProperty({ type: 'integer', description: 'Chains.' })
  count!: number;

  @ApiProperty({ ...HASH, description: 'The root of the tree of the chains.' })
  root!: string;

  @ApiProperty({ type: 'integer', description: 'Of the entry of `CensusTaken`.' })
  index!: number;

  @ApiProperty({
    description: 'The stored data of `CensusTaken`. With `meta` they have the hash that the entry names.',
  })
  data!: string;

  @ApiProperty()
  meta!: string;
}

class NeighbourDocument implements ShownNeighbour {
  @ApiProperty({ description: 'The key of the leaf, as base64: hashes of its owner and its chain.' })
  key!: string;

  @ApiProperty({ ...HASH, description: 'The hash of the text of the leaf.' })
  text!: string;
}

const NEIGHBOUR = { type: NeighbourDocument, nullable: true } as const;

export class CompletenessProofDocument implements CompletenessProof {
  @ApiProperty({ type: 'integer', description: 'The census counts the entries before this index.' })
  size!: number;

  @ApiProperty({ type: 'integer', description: 'All chains of the census.' })
  count!: number;

  @ApiProperty({ ...HASH, description: 'The root of the tree of all chains.' })
  root!: string;

  @ApiProperty({ type: 'integer', description: 'Of the entry of `CensusTaken`.' })
  index!: number;

  @ApiProperty({ type: 'integer', description: 'The place of the first chain, or the one that it would have.' })
  from!: number;

  @ApiProperty({ type: [String], description: 'The leaves of the chains, in the order of their keys.' })
  chains!: readonly string[];

  @ApiProperty({ ...NEIGHBOUR, description: 'The leaf before the chains. Null: they are the first.' })
  before!: ShownNeighbour | null;

  @ApiProperty({ ...NEIGHBOUR, description: 'The leaf after the chains. Null: they are the last.' })
  after!: ShownNeighbour | null;

  @ApiProperty({
    type: [String],
    description: 'The hashes of the subtrees beside all these leaves as base64, from left to right.',
  })
  path!: readonly string[];

  @ApiProperty({ type: 'integer', nullable: true, description: 'Where the next part begins. Null: this is the last.' })
  next!: number | null;
}

class TapeEntryDocument implements Omit<ProvenEntry, 'body'> {
  @ApiProperty({ type: 'integer' })
  index!: number;

  @ApiProperty(LEAF)
  leaf!: string;

  @ApiProperty(PATH)
  path!: readonly string[];
}

class ProvenEntryDocument extends TapeEntryDocument implements ProvenEntry {
  @ApiProperty(BODY)
  body!: string | null;
}

class ProvenTapeDocument {
  @ApiProperty({ type: TapeEntryDocument })
  entry!: TapeEntryDocument;

  @ApiProperty({ type: [String], description: 'The leaves of the tree of the tape, in order.' })
  events!: readonly string[];
}

export class RunProofDocument implements RunProof {
  @ApiProperty({
    type: [ProvenEntryDocument],
    description: 'The message, the request, the prompt and the end, in the order of the conversation.',
  })
  entries!: readonly ProvenEntry[];

  @ApiProperty({ type: ProvenTapeDocument, nullable: true, description: 'Null: no attempt was made.' })
  tape!: ProvenTapeDocument | null;

  @ApiProperty(CHECKPOINT)
  checkpoint!: string;
}
