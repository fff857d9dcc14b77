import { limits } from '../../limits.js';

/** A character that PostgreSQL takes in no text. */
const UNSEARCHABLE = /\0/g;

/** A text in pieces that an index takes, cut between words where there are any. */
export function piecesOf(text: string): readonly string[] {
  const words = text.toWellFormed().replace(UNSEARCHABLE, ' ');
  const pieces: string[] = [];
  for (let from = 0; from < words.length; ) {
    const end = endOfPiece(words, from);
    pieces.push(words.slice(from, end));
    from = end;
  }
  return pieces.filter((piece) => piece.trim() !== '');
}

function endOfPiece(words: string, from: number): number {
  const most = from + limits.searchPieceCharactersMax;
  if (most >= words.length) return words.length;
  // In this piece alone: a search back through all before it would take the square of the text.
  const space = words.slice(from, most + 1).lastIndexOf(' ');
  return space > 0 ? from + space : most;
}
