/** What the tools say without arguments: the real ones' form, cut to what is here. */

export const TRACEROUTE_USAGE = `Usage:
  traceroute [ -46FITnU ] [ -f first_ttl ] [ -i device ] [ -m max_ttl ] [ -N squeries ] [ -p port ] [ -t tos ] [ -w MAX,HERE,NEAR ] [ -q nqueries ] [ -s src_addr ] [ -z sendwait ] host [ packetlen ]
Options:
  -4                          Use IPv4
  -6                          Use IPv6
  -F  --dont-fragment         Do not fragment packets
  -f first_ttl  --first=first_ttl
                              First hop (instead of 1)
  -I  --icmp                  Probes are ICMP ECHO requests
  -T  --tcp                   Probes are TCP SYNs (port 80)
  -U  --udp                   Probes are UDP to one port (53)
  -i device  --interface=device
  -m max_ttl  --max-hops=max_ttl
                              Most hops. Default is 30
  -N squeries  --sim-queries=squeries
                              Probes under way at a time (default is 16)
  -n                          Addresses only, no names
  -p port  --port=port        Destination port (UDP: of the first probe, 33434)
  -q nqueries  --queries=nqueries
                              Probes per hop. Default is 3
  -s src_addr  --source=src_addr
  -t tos  --tos=tos
  -w MAX,HERE,NEAR  --wait=MAX,HERE,NEAR
                              How long to wait for an answer (default 5.0,3,10)
  -z sendwait  --sendwait=sendwait
                              Time between probes (default 0)
  -V  --version
  --help

Arguments:
+     host          The host to traceroute to
      packetlen     Length of the whole packet (default: IP header and 40)
`

export const TRACEPATH_USAGE = `
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  <destination>  dns name or ip address

For more details see tracepath(8).
`

export const MTR_USAGE = `
Usage:
 mtr [options] hostname

 -4                         use IPv4 only
 -6                         use IPv6 only
 -u, --udp                  use UDP instead of ICMP echo
 -T, --tcp                  use TCP instead of ICMP echo
 -a, --address ADDRESS      bind the outgoing socket to ADDRESS
 -f, --first-ttl NUMBER     set what TTL to start
 -m, --max-ttl NUMBER       maximum number of hops
 -U, --max-unknown NUMBER   maximum unknown host
 -P, --port PORT            target port number for TCP or UDP
 -s, --psize PACKETSIZE     set the packet size used for probing
 -i, --interval SECONDS     ICMP echo request interval
 -G, --gracetime SECONDS    number of seconds to wait for responses
 -Z, --timeout SECONDS      seconds to keep probe sockets open
 -r, --report               output using report mode
 -w, --report-wide          output wide report
 -c, --report-cycles COUNT  set the number of pings sent
 -j, --json                 output json
 -C, --csv                  output comma separated values
 -n, --no-dns               do not resolve host names
 -b, --show-ips             show IP numbers and host names
 -h, --help                 display this help and exit
 -v, --version              output version information and exit

See the 'man 8 mtr' for details.
`
