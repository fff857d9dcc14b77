// Verifies the record of a running Verbatim with the packages of the Go project: the signed note and its cosignature with
// golang.org/x/mod/sumdb/note, tiles and proofs with golang.org/x/mod/sumdb/tlog.
//
//	record <address> <API key> <verifier key of the log> <verifier key of the witness>
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	cosigns    = 4
	timeBytes  = 8
)

type server struct{ address, key string }

func (s server) get(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", s.address+"/api/v1/record/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, response.Status, body)
	}
	return body, err
}

func (s server) proof(path string) ([]tlog.Hash, error) {
	body, err := s.get(path)
	if err != nil {
		return nil, err
	}
	var answer struct{ Path []string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var hashes []tlog.Hash
	for _, text := range answer.Path {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// tiles reads tiles at the paths of C2SP, which have no height in them.
type tiles struct{ server }

func (tiles) Height() int { return tileHeight }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := t.get(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// cosigner verifies the timestamped signatures of C2SP tlog-cosignature, which the package does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(text string) (note.Verifier, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("no verifier key: %q", text)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosigns {
		return nil, fmt.Errorf("no key of a cosigner: %q", text)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	id := binary.BigEndian.Uint32(sum[:4])
	if fmt.Sprintf("%08x", id) != parts[1] {
		return nil, fmt.Errorf("the key of %q has another id", text)
	}
	return cosigner{parts[0], id, key[1:]}, nil
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }

func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != timeBytes+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(c.key, []byte(signed), signature[timeBytes:])
}

func treeOf(text string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("no checkpoint: %q", text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// entries reads the bundles of all entries.
func (s server) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for index := int64(0); index*tileWidth < size; index++ {
		width := min(size-index*tileWidth, tileWidth)
		tile := tlog.Tile{H: tileHeight, L: -1, N: index, W: int(width)}
		data, err := s.get(strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:2+length])
			data = data[2+length:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries in the bundles of a tree of %d", len(all), size)
	}
	return all, nil
}

func verify(s server, logKey, witnessKey string) (string, error) {
	signer, err := note.NewVerifier(logKey)
	if err != nil {
		return "", err
	}
	witness, err := newCosigner(witnessKey)
	if err != nil {
		return "", err
	}
	message, err := s.get("checkpoint?cosigned=true")
	if err != nil {
		return "", err
	}
	opened, err := note.Open(message, note.VerifierList(signer, witness))
	if err != nil {
		return "", err
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return "", fmt.Errorf("%d verified and %d other signatures", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	tree, err := treeOf(opened.Text)
	if err != nil {
		return "", err
	}
	entries, err := s.entries(tree.N)
	if err != nil {
		return "", err
	}
	// The reader verifies each tile against the root.
	reader := tlog.TileHashReader(tree, tiles{s})
	for index, entry := range entries {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
		if err != nil {
			return "", err
		}
		if hashes[0] != tlog.RecordHash(entry) {
			return "", fmt.Errorf("entry %d is not the leaf of its tile", index)
		}
		proof, err := s.proof(fmt.Sprintf("proof/%d?size=%d", index, tree.N))
		if err != nil {
			return "", err
		}
		if err := tlog.CheckRecord(tlog.RecordProof(proof), tree.N, tree.Hash, int64(index), hashes[0]); err != nil {
			return "", err
		}
	}
	for earlier := int64(1); earlier < tree.N; earlier++ {
		root, err := tlog.TreeHash(earlier, reader)
		if err != nil {
			return "", err
		}
		proof, err := s.proof(fmt.Sprintf("consistency?from=%d&to=%d", earlier, tree.N))
		if err != nil {
			return "", err
		}
		if err := tlog.CheckTree(tlog.TreeProof(proof), tree.N, tree.Hash, earlier, root); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d entries, cosigned by %s", tree.N, witness.Name()), nil
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "record <address> <API key> <verifier key of the log> <verifier key of the witness>")
		os.Exit(2)
	}
	result, err := verify(server{os.Args[1], os.Args[2]}, os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(result)
}
