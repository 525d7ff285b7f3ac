// Checks a published log with golang.org/x/mod/sumdb, the code that reads Go's checksum database.
//
// reader VKEY DIRECTORY [PROOF...]    exits 0 if the log and every proof file are valid.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(keyFile, log string, proofs []string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(log, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(signed, verifier)
	if err != nil {
		return err
	}
	if err := audit(log, tree); err != nil {
		return err
	}
	for _, file := range proofs {
		if err := proof(file, verifier); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// open verifies a checkpoint and reads its three lines.
func open(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// tiles reads hash tiles at the paths of tlog-tiles, which do not have the height that the paths of sum.golang.org have.
type tiles struct{ log string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.log, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

// audit checks that every entry is in the tree, with hashes that the tile reader has authenticated.
func audit(log string, tree tlog.Tree) error {
	hashes := tlog.TileHashReader(tree, tiles{log})
	for first := int64(0); first < tree.N; first += 256 {
		width := tree.N - first
		if width > 256 { // not `min`: the Go of Debian 12 does not have it
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)}
		data, err := os.ReadFile(filepath.Join(log, strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)))
		if err != nil {
			return err
		}
		for index := first; index < first+width; index++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("bundle of %d is cut short", index)
			}
			length := int(binary.BigEndian.Uint16(data))
			leaf := tlog.RecordHash(data[2 : 2+length])
			data = data[2+length:]
			held, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			if held[0] != leaf {
				return fmt.Errorf("entry %d does not match its leaf hash", index)
			}
			if index%101 == 0 || index == tree.N-1 {
				path, err := tlog.ProveRecord(tree.N, index, hashes)
				if err != nil {
					return err
				}
				if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf); err != nil {
					return err
				}
			}
		}
		if len(data) > 0 {
			return errors.New("a bundle is too long")
		}
	}
	return nil
}

func proof(file string, verifier note.Verifier) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, signed, found := bytes.Cut(data, []byte("\n\n"))
	if !found {
		return errors.New("no checkpoint")
	}
	tree, err := open(signed, verifier)
	if err != nil {
		return err
	}
	lines := strings.Split(string(head), "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a proof")
	}
	entry, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}
