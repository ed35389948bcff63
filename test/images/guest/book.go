package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

const bookPort = "6379"

var bookClient = &http.Client{Timeout: 5 * time.Second}

func book(args []string) error {
	s := &pages{entries: map[string]string{}}
	switch {
	case len(args) == 1 && args[0] == "primary":
		http.HandleFunc("GET /get", s.get)
		http.HandleFunc("POST /set", s.set)
		http.HandleFunc("POST /register", s.register)
	case len(args) == 2 && args[0] == "replica":
		http.HandleFunc("GET /get", s.get)
		http.HandleFunc("POST /set", s.set)
		go follow(args[1])
	case len(args) == 3 && args[0] == "frontend":
		http.HandleFunc("POST /set", forward(args[1]))
		http.HandleFunc("GET /get", forward(args[2]))
	default:
		return errors.New("a guestbook has a primary, replicas and a frontend")
	}
	return http.ListenAndServe(":"+bookPort, nil)
}

// pages are the entries of one server, and who else gets them.
type pages struct {
	mu       sync.Mutex
	entries  map[string]string
	replicas []string
}

func (s *pages) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	io.WriteString(w, s.entries[r.URL.Query().Get("key")])
}

// set stores an entry and hands it on before it answers.
func (s *pages) set(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	s.entries[q.Get("key")] = q.Get("value")
	for _, replica := range s.replicas {
		if err := post(replica, q); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
}

func (s *pages) register(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	replica := net.JoinHostPort(host, bookPort)
	for key, value := range s.entries {
		if err := post(replica, url.Values{"key": {key}, "value": {value}}); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	s.replicas = append(s.replicas, replica)
	fmt.Println("replica", replica)
}

func post(address string, q url.Values) error {
	resp, err := bookClient.Post("http://"+address+"/set?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return nil
}

// follow registers with the primary, which may come later than its replicas.
func follow(primary string) {
	for {
		resp, err := bookClient.Post("http://"+primary+"/register", "", nil)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				fmt.Println("following", primary)
				return
			}
			err = errors.New(resp.Status)
		}
		fmt.Fprintln(os.Stderr, "guest: register:", err)
		time.Sleep(100 * time.Millisecond)
	}
}

// forward sends requests on to the Service of a kind of server.
func forward(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+address+r.URL.RequestURI(), r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		resp, err := bookClient.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}
}
