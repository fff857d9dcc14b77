import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { CompletenessProof, ShownCensus, ShownNeighbour } from '../notary/census-reader.js';
import type {
  EarlierKey,
  InclusionProof,
  ProvenEntry,
  ProvenTape,
  RecordedEntry,
  RecordKey,
  RunProof,
  StoredTexts,
} from '../notary/record-reader.js';

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
const DATA = {
  type: String,
  nullable: true,
  description: 'The data of the event, as they are stored: `body` is computed from `data` and `meta`. Null for a tape.',
} as const;
const META = { ...DATA, description: 'The metadata of the event, as they are stored. Null for a tape.' } as const;
const CHECKPOINT = { description: 'The signed note of this tree.' } as const;

class EarlierKeyDocument implements EarlierKey {
  @ApiProperty({ description: 'It verifies the notes up to `size`.' })
  vkey!: string;

  @ApiProperty({ type: 'integer', description: 'The last size that it signed.' })
  size!: number;

  @ApiProperty({ description: 'The note of this size. The next key has signed it too, unless this one was lost.' })
  note!: string;
}

export class RecordKeyDocument implements RecordKey {
  @ApiProperty({ description: 'The name of the tree in its notes.' })
  origin!: string;

  @ApiProperty({ description: 'The key that verifies them: `<name>+<id>+<key>` of C2SP.' })
  vkey!: string;

  @ApiProperty({ type: [EarlierKeyDocument], description: 'Replaced keys, the first one first.' })
  earlier!: readonly EarlierKey[];

  @ApiProperty({ type: [String], description: 'The keys of the witnesses that are asked for cosignatures.' })
  witnesses!: readonly string[];
}

export class RecordedEntryDocument implements RecordedEntry {
  @ApiProperty({ type: 'integer' })
  index!: number;

  @ApiProperty(LEAF)
  leaf!: string;

  @ApiProperty(BODY)
  body!: string | null;

  @ApiProperty(DATA)
  data!: string | null;

  @ApiProperty(META)
  meta!: string | null;

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

class TapeEntryDocument implements Pick<ProvenEntry, 'index' | 'leaf' | 'path'> {
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

  @ApiProperty(DATA)
  data!: string | null;

  @ApiProperty(META)
  meta!: string | null;
}

class StoredTextsDocument implements StoredTexts {
  @ApiProperty()
  data!: string;

  @ApiProperty()
  meta!: string;
}

class ProvenTapeDocument implements ProvenTape {
  @ApiProperty({ type: TapeEntryDocument })
  entry!: TapeEntryDocument;

  @ApiProperty({ type: [String], description: 'The leaves of the tree of the tape, in order.' })
  events!: readonly string[];

  @ApiProperty({
    type: [StoredTextsDocument],
    description: 'The data and the metadata of the same events, as they are stored: the leaves are computed from them.',
  })
  texts!: readonly StoredTexts[];
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
