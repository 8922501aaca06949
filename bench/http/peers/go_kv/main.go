// go_kv PORT THREADS: GET, PUT and DELETE /v1/kv/{key} on 127.0.0.1 with Go's net/http, its map behind a sync.Mutex.
// It checks and keeps JSON as Holdfast does: as text.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

type store struct {
	mutex  sync.Mutex
	values map[string][]byte
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/v1/kv/")
	switch r.Method {
	case http.MethodGet:
		s.mutex.Lock()
		text, found := s.values[key]
		s.mutex.Unlock()
		if !found {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(text)
	case http.MethodPut:
		text, err := io.ReadAll(r.Body)
		if err != nil || !json.Valid(text) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mutex.Lock()
		s.values[key] = text
		s.mutex.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case http.MethodDelete:
		s.mutex.Lock()
		delete(s.values, key)
		s.mutex.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func main() {
	threads, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	runtime.GOMAXPROCS(threads)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], &store{values: map[string][]byte{}}))
}
