import type { Cluster, IpPacket } from '../../engine/cluster.ts'

/** A world for every reason that a journey can end with other than well: what is set up, and the command whose packets meet it. */
export interface World {
  readonly reason: string
  readonly verdict: 'refused' | 'rejected' | 'dropped' | 'unreachable' | 'timeout'
  /** The cluster file; flannel and iptables where it says nothing. */
  readonly config?: Record<string, unknown>
  /** Manifests beside the client and the server. */
  readonly manifests?: string
  /** In the lab terminal, before; virtual seconds pass by `sleep`. */
  readonly setup?: string
  /** What no command of the lab's terminal does. */
  readonly prepare?: (cluster: Cluster) => void
  /** SRC and DST of `hop trace`. */
  readonly trace?: readonly [source: string, destination: string]
  /** Where the packet is one that `hop trace` does not make: the command that does, in the lab terminal. */
  readonly act?: string
}

/** A client on worker-1, a server on worker-2, and a Service before it; `lost` is a Service whose selector fits nothing. */
export const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  nodeName: worker-1
  containers: [{name: main, image: nicolaka/netshoot:v0.13, command: [sleep, '100000'], securityContext: {privileged: true}}]
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  nodeName: worker-2
  containers:
  - name: main
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=80, --udp-port=81, --sctp-port=82]
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {type: NodePort, selector: {app: server}, clusterIP: 10.96.0.80, ports: [{name: http, port: 80, nodePort: 30080}, {name: udp, port: 81, protocol: UDP, nodePort: 30081}, {name: sctp, port: 82, protocol: SCTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: lost}
spec: {selector: {app: nobody}, clusterIP: 10.96.0.90, ports: [{port: 80}]}
`

const ISOLATED = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolated}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
`
const balancer = (spec: string): string => `
apiVersion: v1
kind: Service
metadata: {name: public}
spec: {type: LoadBalancer, selector: {app: server}, ports: [{port: 80}], ${spec}}
`
const BALANCER = '$(kubectl get svc public -o jsonpath={.status.loadBalancer.ingress[0].ip})'
const SERVER = '$(kubectl get pod server -o jsonpath={.status.podIP})'
const node = (name: string, command: string): string => `hop node ${name} -- ${command}`
const inClient = (command: string): string => `kubectl exec client -- ${command}`
/** Who is who on the wires is known then: no question gets lost before the packet does. */
const KNOWN = 'hop trace default/client 10.96.0.80:80 > /dev/null'
/** The client sends from an address that nobody gave it. */
const SPOOF = `${inClient('ip addr add 10.99.9.9/32 dev eth0')}; ${inClient(`ip route add ${SERVER} via $(kubectl exec client -- ip route | grep default | cut -d' ' -f3) dev eth0 src 10.99.9.9`)}`
const veth = (name: string): string => `$(hop node ${name} -- sh -c "ip -o link show master cni0 | grep -o 'veth[0-9a-f]*' | tail -1")`

export const WORLDS: readonly World[] = [
  // ---- the network of Linux ------------------------------------------------------------------------------------------------
  { reason: 'refused-no-listener', verdict: 'refused', trace: ['default/client', `${SERVER}:8080`] },
  { reason: 'timeout-no-answer', verdict: 'timeout', setup: `${KNOWN}; hop fault apply slow-link worker-1 worker-2 --delay 8s`, trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-blackhole', verdict: 'dropped', setup: node('worker-1', 'ip route add blackhole 10.99.9.0/24'), trace: ['default/client', '10.99.9.9:80'] },
  { reason: 'drop-no-route', verdict: 'unreachable', setup: node('worker-1', 'ip route del default'), trace: ['default/client', '203.0.113.200:80'] },
  { reason: 'drop-no-neighbour', verdict: 'unreachable', trace: ['default/client', '10.244.1.250:80'] },
  { reason: 'drop-outside', verdict: 'dropped', trace: ['default/client', '203.0.113.200:80'] },
  { reason: 'drop-forwarding-off', verdict: 'dropped', setup: 'hop fault apply ip-forward-off worker-2', trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'drop-ttl-exceeded', verdict: 'dropped', act: inClient(`ping -c1 -W1 -t 1 ${SERVER}`) },
  { reason: 'drop-mtu', verdict: 'dropped', setup: 'hop fault apply mtu worker-1 --mtu 1000', act: inClient(`ping -c1 -W1 -M do -s 1200 ${SERVER}`) },
  { reason: 'drop-fragments-missing', verdict: 'dropped', setup: node('worker-2', 'iptables -I INPUT -p udp --dport 8472 -m length --length 0:400 -j DROP'), act: `${inClient(`ping -c1 -W1 -s 3000 ${SERVER}`)}; sleep 40` },
  { reason: 'drop-martian', verdict: 'dropped', setup: node('worker-1', "sh -c 'sysctl -w net.ipv4.conf.all.rp_filter=1; ip route add 198.51.100.7 dev cni0'"), trace: ['external/198.51.100.7', '172.18.0.3:30080'] },
  { reason: 'drop-link-local', verdict: 'dropped', config: { ipFamilies: ['IPv4', 'IPv6'] }, setup: inClient(`sh -c 'ip -6 addr del $(ip -6 -o addr show dev eth0 scope global | grep -o "fd[^ ]*") dev eth0; ip -6 route add default via fe80::1 dev eth0; ip -6 route'`), trace: ['default/client', '2001:db8::9'] },
  { reason: 'drop-echo-ignored', verdict: 'dropped', setup: node('worker-2', 'sysctl -w net.ipv4.icmp_echo_ignore_all=1'), trace: ['default/client', '172.18.0.4'] },
  { reason: 'drop-neither-syn-nor-ack', verdict: 'dropped', act: `kubectl run scanner --image nicolaka/netshoot:v0.13 --overrides='{"spec":{"hostNetwork":true,"nodeName":"worker-1"}}' --command -- sleep 100000 > /dev/null; sleep 10; kubectl exec scanner -- nmap -Pn -sF -p 10250 172.18.0.4` },
  { reason: 'drop-unasked-answer', verdict: 'dropped', setup: node('worker-2', 'iptables -t nat -I PREROUTING -d 172.18.0.4 -p tcp --dport 9000 -j DNAT --to-destination 172.18.0.3:10256'), trace: ['node/control-plane', '172.18.0.4:9000'] },
  // somebody on the way lies about it: the ICMP message is the only trace of a refusal
  {
    reason: 'unreachable-icmp', verdict: 'unreachable', setup: `${KNOWN}; hop fault apply slow-link worker-1 worker-2 --delay 4s`, trace: ['default/client', `${SERVER}:80`],
    prepare: (cluster) => {
      const stop = cluster.journeys.onChange((journey) => {
        if (journey.program !== 'hop') return
        stop()
        cluster.clock.schedule(1_000, () => {
          const quoted: IpPacket = {
            kind: 'ip', version: 4, source: journey.source, destination: journey.destination, ttl: 62, tos: 0, identification: 0, dontFragment: true, meta: { mark: 0 },
            payload: { kind: 'tcp', sourcePort: journey.sourcePort!, destinationPort: journey.destinationPort!, sequence: 0, acknowledgement: 0, flags: { syn: true }, window: 0, data: new Uint8Array(0) },
          }
          ;(cluster.nodes.get('worker-1')!.network as unknown as { sendIcmpError(about: IpPacket, type: number, code: number): void }).sendIcmpError(quoted, 3, 1)
        })
      })
    },
  },
  // ---- links -----------------------------------------------------------------------------------------------------------------
  { reason: 'drop-link-down', verdict: 'dropped', config: { cni: 'aws-vpc' }, setup: node('worker-1', "sh -c 'ip link set $(ip -o link | grep -o eni[0-9a-f]* | tail -1) down'"), trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-dummy', verdict: 'dropped', setup: node('worker-1', "sh -c 'ip link add d0 type dummy; ip link set d0 up; ip route add 10.99.9.0/24 dev d0'"), trace: ['default/client', '10.99.9.9:80'] },
  {
    reason: 'drop-vlan', verdict: 'dropped', trace: ['node/worker-1', '10.99.9.2:80'],
    setup: `${KNOWN}; ${node('worker-1', "sh -c 'ping -c 1 172.18.0.4; ip link add link eth0 name eth0.9 type vlan id 9; ip link set eth0.9 up; ip addr add 10.99.9.1/24 dev eth0.9; ip neigh add 10.99.9.2 lladdr $(ip neigh show 172.18.0.4 | cut -d\" \" -f5) dev eth0.9'")}`,
  },
  {
    reason: 'drop-bond-backup', verdict: 'dropped', act: node('worker-1', 'ip netns exec far ping -c 1 -W 1 10.99.9.1'),
    setup: node('worker-1', "sh -c 'ip netns add far; ip link add bond0 type bond mode active-backup; for i in 1 2; do ip link add w$i type veth peer name f$i netns far; ip link set w$i master bond0; ip -n far link set f$i up; done; ip addr add 10.99.9.1/24 dev bond0; ip link set bond0 up; ip -n far addr add 10.99.9.2/24 dev f2; ip -n far neigh add 10.99.9.1 lladdr $(cat /sys/class/net/bond0/address) dev f2'"),
  },
  { reason: 'drop-hairpin', verdict: 'dropped', setup: node('worker-2', `bridge link set dev ${veth('worker-2')} hairpin off`), trace: ['default/server', '10.96.0.80:80'] },
  { reason: 'drop-wrong-mac', verdict: 'dropped', setup: node('worker-1', 'ip neigh replace 172.18.0.4 lladdr 02:00:00:00:00:99 dev eth0 nud permanent'), trace: ['node/worker-1', '172.18.0.4:10250'] },
  { reason: 'drop-wire-cut', verdict: 'dropped', setup: `${KNOWN}; hop fault apply link-down worker-1 worker-2`, trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'drop-packet-loss', verdict: 'dropped', setup: `${KNOWN}; hop fault apply packet-loss worker-1 worker-2 --loss 100%`, trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'drop-node-down', verdict: 'dropped', setup: `${KNOWN}; hop fault apply node-down worker-2`, trace: ['default/client', '10.96.0.80:80'] },
  // ---- tunnels ---------------------------------------------------------------------------------------------------------------
  { reason: 'drop-no-vtep', verdict: 'dropped', setup: node('worker-1', `sh -c 'bridge fdb del $(bridge fdb show dev flannel.1 | grep 172.18.0.4 | cut -d" " -f1) dev flannel.1 dst 172.18.0.4'`), trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-wrong-vni', verdict: 'dropped', setup: node('worker-2', "sh -c 'M=$(cat /sys/class/net/flannel.1/address); ip link del flannel.1; ip link add flannel.1 address $M type vxlan id 7 dev eth0 local 172.18.0.4 dstport 8472 nolearning; ip addr add 10.244.2.0/32 dev flannel.1; ip link set flannel.1 up'"), trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-no-tunnel', verdict: 'dropped', config: { cni: 'calico' }, setup: node('worker-2', 'ip link set tunl0 down'), trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-tunnel', verdict: 'dropped', setup: node('worker-1', "sh -c 'ip link add gnv0 type geneve external; ip addr add 10.9.0.1/24 dev gnv0; ip link set gnv0 up; ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev gnv0'"), trace: ['node/worker-1', '10.9.0.2:80'] },
  { reason: 'drop-wireguard', verdict: 'dropped', setup: node('worker-1', "sh -c 'ip link add wg0 type wireguard; ip addr add 10.8.0.1/24 dev wg0; ip link set wg0 up'"), trace: ['node/worker-1', '10.8.0.2:80'] },
  { reason: 'drop-weave-no-peer', verdict: 'dropped', config: { cni: 'weave' }, setup: `${KNOWN}; hop fault apply link-down worker-1 worker-2; hop fault apply link-down worker-1 control-plane; sleep 120`, trace: ['default/client', '10.96.0.80:80'] },
  // ---- netfilter -------------------------------------------------------------------------------------------------------------
  { reason: 'drop-filter-rule', verdict: 'dropped', setup: node('worker-1', 'iptables -I FORWARD -d 10.244.2.0/24 -j DROP'), trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'drop-filter-policy', verdict: 'dropped', setup: node('worker-2', 'iptables -P INPUT DROP'), trace: ['default/client', '172.18.0.4:10250'] },
  { reason: 'reject-filter-rule', verdict: 'rejected', trace: ['default/client', '10.96.0.90:80'] },
  { reason: 'drop-no-address', verdict: 'dropped', config: { cni: 'calico' }, setup: node('worker-1', 'iptables -t nat -I PREROUTING -i cali+ -p tcp --dport 8080 -j REDIRECT --to-ports 10250'), trace: ['default/client', '203.0.113.9:8080'] },
  { reason: 'drop-conntrack-full', verdict: 'dropped', setup: 'hop fault apply conntrack-full worker-1', trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'drop-conntrack-clash', verdict: 'dropped', setup: `${node('worker-1', 'iptables -t nat -I POSTROUTING -p udp --dport 10256 -j SNAT --to-source 172.18.0.3:5000')}; hop trace default/client 172.18.0.4:10256/udp > /dev/null`, trace: ['default/client', '172.18.0.4:10256/udp'] },
  // ---- IPVS ------------------------------------------------------------------------------------------------------------------
  { reason: 'reject-ipvs-no-server', verdict: 'rejected', config: { proxyMode: 'ipvs' }, trace: ['default/client', '10.96.0.90:80'] },
  { reason: 'drop-ipvs-no-server', verdict: 'dropped', config: { proxyMode: 'ipvs' }, setup: `${node('worker-1', 'sysctl -w net.ipv4.vs.expire_nodest_conn=0')}; ${inClient("sh -c 'echo hostname | nc -u -w1 -p 5000 10.96.0.80 81'")}; kubectl delete pod server --now; sleep 20`, act: inClient("sh -c 'echo hostname | nc -u -w1 -p 5000 10.96.0.80 81'") },
  // ---- the cloud -------------------------------------------------------------------------------------------------------------
  { reason: 'drop-load-balancer', verdict: 'dropped', config: { cloud: 'loadbalancer' }, manifests: balancer(''), trace: ['external', `${BALANCER}:81`] },
  { reason: 'drop-no-healthy-node', verdict: 'dropped', config: { cloud: 'loadbalancer' }, manifests: balancer('externalTrafficPolicy: Local').replace('app: server', 'app: nobody'), setup: 'sleep 60', trace: ['external', `${BALANCER}:80`] },
  // ---- policies --------------------------------------------------------------------------------------------------------------
  { reason: 'drop-policy', verdict: 'dropped', config: { cni: 'calico' }, manifests: ISOLATED, trace: ['default/client', '10.96.0.80:80'] },
  { reason: 'reject-policy', verdict: 'rejected', config: { cni: 'kube-router' }, manifests: ISOLATED, trace: ['default/client', '10.96.0.80:80'] },
  // ---- Cilium ----------------------------------------------------------------------------------------------------------------
  { reason: 'drop-cilium-cluster-ip', verdict: 'dropped', config: { cni: 'cilium' }, prepare: (cluster) => {
    cluster.external.network.routes.add({ destination: '10.96.0.0/12', via: '192.0.2.1' })
    cluster.networks().find((n) => n.name === 'outside')!.routes.add({ destination: '10.96.0.0/12', via: '172.18.0.3' })
  }, trace: ['external', '10.96.0.80:80'] },
  { reason: 'drop-cilium-no-backend', verdict: 'unreachable', config: { cni: 'cilium' }, trace: ['default/client', '10.96.0.90:80'] },
  { reason: 'drop-cilium-protocol', verdict: 'dropped', config: { cni: 'cilium' }, trace: ['default/client', `${SERVER}:82/sctp`] },
  { reason: 'drop-cilium-source-ip', verdict: 'dropped', config: { cni: 'cilium' }, setup: SPOOF, trace: ['default/client', `${SERVER}:80`] },
  { reason: 'drop-cilium-source-range', verdict: 'dropped', config: { cni: 'cilium', cloud: 'loadbalancer' }, manifests: balancer('loadBalancerSourceRanges: [198.51.100.0/24]'), trace: ['external', `${BALANCER}:80`] },
  { reason: 'drop-cilium-unroutable', verdict: 'dropped', config: { cni: 'cilium' }, trace: ['default/client', '10.244.1.250:80'] },
  {
    reason: 'drop-cilium-dns-proxy', verdict: 'dropped', config: { cni: 'cilium' },
    manifests: `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: dns}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns, io.kubernetes.pod.namespace: kube-system}}], toPorts: [{ports: [{port: '53', protocol: ANY}], rules: {dns: [{matchPattern: '*'}]}}]}]
`,
    setup: 'sleep 5; hop fault apply cni-down worker-1; sleep 5', trace: ['default/client', '10.96.0.10:53/udp'],
  },
  {
    reason: 'drop-cilium-egress-gateway', verdict: 'dropped', config: { cni: { plugin: 'cilium', egressGateway: true } },
    manifests: `
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata: {name: nowhere}
spec:
  selectors: [{podSelector: {matchLabels: {app: client}}}]
  destinationCIDRs: [192.0.2.0/24]
  egressGateway: {nodeSelector: {matchLabels: {egress: 'yes'}}}
`,
    trace: ['default/client', '192.0.2.53:80'],
  },
  {
    reason: 'drop-cilium-host-policy', verdict: 'dropped', config: { cni: { plugin: 'cilium', hostFirewall: true } },
    manifests: `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: nodes}
spec: {nodeSelector: {}, ingress: [{fromEntities: [cluster]}]}
`,
    trace: ['external', '172.18.0.3:22'],
  },
  // ---- Antrea ----------------------------------------------------------------------------------------------------------------
  { reason: 'reject-ovs-no-endpoint', verdict: 'rejected', config: { cni: 'antrea' }, trace: ['default/client', '10.96.0.90:80'] },
  { reason: 'drop-ovs-flow', verdict: 'dropped', config: { cni: 'antrea' }, trace: ['default/client', '10.244.2.250:80'] },
  { reason: 'drop-ovs-invalid', verdict: 'dropped', config: { cni: 'antrea' }, act: inClient(`nmap -Pn -sF -p 80 ${SERVER}`) },
  { reason: 'drop-ovs-spoof', verdict: 'dropped', config: { cni: 'antrea' }, setup: `${KNOWN}; ${SPOOF}`, trace: ['default/client', `${SERVER}:80`] },
  // a flow that no policy stands behind
  { reason: 'drop-ovs-policy', verdict: 'dropped', config: { cni: 'antrea' }, setup: node('worker-2', 'ovs-ofctl add-flow br-int table=IngressDefaultRule,priority=250,ip,actions=drop'), trace: ['default/client', `${SERVER}:80`] },
  {
    reason: 'drop-ovs-egress', verdict: 'dropped', config: { cni: 'antrea' },
    manifests: `
apiVersion: crd.antrea.io/v1beta1
kind: ExternalIPPool
metadata: {name: pool}
spec: {ipRanges: [{start: 172.18.0.200, end: 172.18.0.203}], nodeSelector: {matchLabels: {kubernetes.io/hostname: worker-2}}}
---
apiVersion: crd.antrea.io/v1beta1
kind: Egress
metadata: {name: out}
spec: {appliedTo: {podSelector: {matchLabels: {app: client}}}, externalIPPool: pool}
`,
    setup: `sleep 10; ${node('worker-2', 'ovs-ofctl del-flows br-int table=EgressMark,tun_dst=172.18.0.200')}`, trace: ['default/client', '203.0.113.9:80'],
  },
]
