// Clients of Go's net/http, which never sends a POST again that it has sent, behind a link with a
// delay. Counts the POSTs that were answered and those that were lost.
//
//	go_clients -servers 127.0.0.1:8080,127.0.0.1:8081 -clients 200 -rtt 40ms -seconds 12
//
// Each client keeps one connection open and posts at random intervals. New connections go to the
// first server that accepts them; a line on standard input takes the first one off the list, as the
// endpoints of a Service lose a pod that ends.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const body = `{"instances":[[5.1,3.5,1.4,0.2]]}`

var (
	servers   = flag.String("servers", "", "addresses, in the order of preference")
	clients   = flag.Int("clients", 200, "clients, each with a connection of its own")
	rtt       = flag.Duration("rtt", 0, "round-trip time of the link")
	leastWait = flag.Duration("least-wait", time.Second, "least time between two POSTs of a client")
	mostWait  = flag.Duration("most-wait", 2*time.Second, "most time between two POSTs of a client")
	seconds   = flag.Float64("seconds", 10, "how long the clients post")
)

// link takes clients' connections and passes their bytes on, half a round trip later.
type link struct {
	mutex   sync.Mutex
	servers []string
}

func (l *link) dropFirst() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.servers = l.servers[1:]
}

func (l *link) dial() (*net.TCPConn, error) {
	l.mutex.Lock()
	servers := l.servers
	l.mutex.Unlock()
	var last error
	for _, server := range servers {
		connection, err := net.Dial("tcp", server)
		if err == nil {
			return connection.(*net.TCPConn), nil
		}
		last = err
	}
	return nil, last
}

func (l *link) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go l.join(client.(*net.TCPConn))
	}
}

func (l *link) join(client *net.TCPConn) {
	defer client.Close()
	server, err := l.dial()
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Add(2)
	go func() { carry(server, client); both.Done() }()
	go func() { carry(client, server); both.Done() }()
	both.Wait()
}

type piece struct {
	at    time.Time
	bytes []byte // none: the end
}

// carry copies one direction, its end included.
func carry(to, from *net.TCPConn) {
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 65536)
			count, err := from.Read(buffer)
			at := time.Now().Add(*rtt / 2)
			if count > 0 {
				pieces <- piece{at, buffer[:count]}
			}
			if err != nil {
				pieces <- piece{at, nil}
				return
			}
		}
	}()
	for next := range pieces {
		time.Sleep(time.Until(next.at))
		if next.bytes == nil {
			to.CloseWrite()
		} else {
			to.Write(next.bytes)
		}
	}
}

type outcome struct {
	Answered int            `json:"answered"`
	Lost     int            `json:"lost"`
	Reasons  map[string]int `json:"reasons"`
}

func post(client *http.Client, url string) error {
	answer, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != 200 || !bytes.Contains(text, []byte("predictions"))) {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	return err
}

// The end of an error's text, without the addresses that stand before it.
func reason(err error) string {
	parts := strings.Split(err.Error(), ": ")
	return parts[len(parts)-1]
}

func main() {
	flag.Parse()
	l := &link{servers: strings.Split(*servers, ",")}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	go l.accept(listener)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			l.dropFirst()
		}
	}()

	url := "http://" + listener.Addr().String() + "/predict"
	end := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	result := outcome{Reasons: map[string]int{}}
	var mutex sync.Mutex
	var running sync.WaitGroup
	for i := 0; i < *clients; i++ {
		running.Add(1)
		go func() {
			defer running.Done()
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			time.Sleep(time.Duration(rand.Float64() * float64(*mostWait)))
			for time.Now().Before(end) {
				err := post(client, url)
				mutex.Lock()
				if err == nil {
					result.Answered++
				} else {
					result.Lost++
					result.Reasons[reason(err)]++
				}
				mutex.Unlock()
				wait := *leastWait + time.Duration(rand.Float64()*float64(*mostWait-*leastWait))
				time.Sleep(wait)
			}
		}()
	}
	running.Wait()
	json.NewEncoder(os.Stdout).Encode(result)
}
