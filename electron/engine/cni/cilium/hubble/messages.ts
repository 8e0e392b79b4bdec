import { Proto } from '../../../programs/http2/protobuf.ts'

/** Hubble's messages, as far as they are sent here (api/v1/{flow,observer,relay,peer}/*.proto of cilium/cilium v1.17). */
export const HUBBLE = new Proto({
  messages: {
    GetFlowsRequest: 'number=1:l first=9:b follow=3:b blacklist=5:[FlowFilter] whitelist=6:[FlowFilter] since=7:time until=8:time',
    GetFlowsResponse: 'flow=1:Flow node_status=2:NodeStatusEvent node_name=1000:s time=1001:time',
    NodeStatusEvent: 'state_change=1:NodeState node_names=2:[s] message=3:s',
    ServerStatusRequest: '',
    ServerStatusResponse: 'num_flows=1:l max_flows=2:l seen_flows=3:l uptime_ns=4:l num_connected_nodes=5:i? num_unavailable_nodes=6:i? unavailable_nodes=7:[s] version=8:s flows_rate=9:d',
    GetNodesRequest: '',
    GetNodesResponse: 'nodes=1:[Node]',
    Node: 'name=1:s version=2:s address=3:s state=4:NodeState tls=5:NodeTls uptime_ns=6:l num_flows=7:l max_flows=8:l seen_flows=9:l',
    NodeTls: 'enabled=1:b server_name=2:s',
    GetNamespacesRequest: '',
    GetNamespacesResponse: 'namespaces=1:[Namespace]',
    Namespace: 'cluster=1:s namespace=2:s',
    NotifyRequest: '',
    ChangeNotification: 'name=1:s address=2:s type=3:ChangeType tls=4:PeerTls',
    PeerTls: 'server_name=1:s',
    Flow: 'time=1:time uuid=34:s verdict=2:Verdict drop_reason=3:i IP=5:IP l4=6:Layer4 source=8:Endpoint destination=9:Endpoint Type=10:FlowType node_name=11:s source_names=13:[s] destination_names=14:[s] l7=15:Layer7 reply=16:b event_type=19:EventType source_service=20:Service destination_service=21:Service traffic_direction=22:TrafficDirection policy_match_type=23:i trace_observation_point=24:TracePoint drop_reason_desc=25:DropReason is_reply=26:b? interface=28:NetworkInterface Summary=100000:s',
    IP: 'source=1:s destination=2:s ipVersion=3:IPVersion',
    Layer4: 'TCP=1:TCP UDP=2:Ports ICMPv4=3:ICMP ICMPv6=4:ICMP SCTP=5:Ports',
    TCP: 'source_port=1:i destination_port=2:i flags=3:TCPFlags',
    Ports: 'source_port=1:i destination_port=2:i',
    ICMP: 'type=1:i code=2:i',
    TCPFlags: 'FIN=1:b SYN=2:b RST=3:b PSH=4:b ACK=5:b URG=6:b ECE=7:b CWR=8:b NS=9:b',
    Endpoint: 'ID=1:i identity=2:i cluster_name=7:s namespace=3:s labels=4:[s] pod_name=5:s',
    Layer7: 'type=1:L7FlowType latency_ns=2:l dns=100:DNS http=101:HTTP',
    DNS: 'query=1:s ips=2:[s] ttl=3:i cnames=4:[s] observation_source=5:s rcode=6:i qtypes=7:[s]',
    HTTP: 'code=1:i method=2:s url=3:s protocol=4:s headers=5:[HTTPHeader]',
    HTTPHeader: 'key=1:s value=2:s',
    EventType: 'type=1:i sub_type=2:i',
    Service: 'name=1:s namespace=2:s',
    NetworkInterface: 'index=1:i name=2:s',
    FlowFilter: 'source_ip=1:[s] source_pod=2:[s] source_fqdn=7:[s] source_label=10:[s] source_service=16:[s] destination_ip=3:[s] destination_pod=4:[s] destination_fqdn=8:[s] destination_label=11:[s] destination_service=17:[s] traffic_direction=30:[TrafficDirection] verdict=5:[Verdict] drop_reason_desc=33:[DropReason] event_type=6:[EventTypeFilter] http_status_code=9:[s] protocol=12:[s] source_port=13:[s] destination_port=14:[s] source_identity=19:[i] destination_identity=20:[i] http_method=21:[s] http_path=22:[s] http_url=31:[s] tcp_flags=23:[TCPFlags] node_name=24:[s] ip_version=25:[IPVersion]',
    EventTypeFilter: 'type=1:i match_sub_type=2:b sub_type=3:i',
  },
  enums: {
    NodeState: { UNKNOWN_NODE_STATE: 0, NODE_CONNECTED: 1, NODE_UNAVAILABLE: 2, NODE_GONE: 3, NODE_ERROR: 4 },
    ChangeType: { UNKNOWN: 0, PEER_ADDED: 1, PEER_DELETED: 2, PEER_UPDATED: 3 },
    Verdict: { VERDICT_UNKNOWN: 0, FORWARDED: 1, DROPPED: 2, ERROR: 3, AUDIT: 4, REDIRECTED: 5, TRACED: 6, TRANSLATED: 7 },
    FlowType: { UNKNOWN_TYPE: 0, L3_L4: 1, L7: 2, SOCK: 3 },
    L7FlowType: { UNKNOWN_L7_TYPE: 0, REQUEST: 1, RESPONSE: 2, SAMPLE: 3 },
    IPVersion: { IP_NOT_USED: 0, IPv4: 1, IPv6: 2 },
    TrafficDirection: { TRAFFIC_DIRECTION_UNKNOWN: 0, INGRESS: 1, EGRESS: 2 },
    TracePoint: { UNKNOWN_POINT: 0, TO_PROXY: 1, TO_HOST: 2, TO_STACK: 3, TO_OVERLAY: 4, TO_ENDPOINT: 101, FROM_ENDPOINT: 5, FROM_PROXY: 6, FROM_HOST: 7, FROM_STACK: 8, FROM_OVERLAY: 9, FROM_NETWORK: 10, TO_NETWORK: 11 },
    DropReason: {
      DROP_REASON_UNKNOWN: 0, INVALID_SOURCE_IP: 132, POLICY_DENIED: 133, CT_UNKNOWN_L4_PROTOCOL: 137, STALE_OR_UNROUTABLE_IP: 151, ERROR_WHILE_CORRECTING_L4_CHECKSUM: 154, SERVICE_BACKEND_NOT_FOUND: 158,
      IS_A_CLUSTERIP: 174, DENIED_BY_LB_SRC_RANGE_CHECK: 177, SOCKET_LOOKUP_FAILED: 178, POLICY_DENY: 181, NO_EGRESS_GATEWAY: 194, TTL_EXCEEDED: 196, DROP_NO_EGRESS_IP: 204,
    },
  },
})

export interface EndpointMessage { ID?: number; identity?: number; cluster_name?: string; namespace?: string; labels?: string[]; pod_name?: string }
export interface PortsMessage { source_port?: number; destination_port?: number }
export interface Layer7Message {
  type?: 'REQUEST' | 'RESPONSE'
  latency_ns?: string
  dns?: { query?: string; observation_source?: string }
  http?: { code?: number; method?: string; url?: string }
}

/** A flow as the API's JSON shows it: what is false, 0 or empty is not there. */
export interface FlowMessage {
  time: string
  uuid?: string
  verdict?: string
  IP: { source: string; destination: string; ipVersion?: string }
  l4?: Partial<Record<'TCP' | 'UDP' | 'SCTP' | 'ICMPv4' | 'ICMPv6', PortsMessage>>
  source: EndpointMessage
  destination: EndpointMessage
  Type?: string
  node_name?: string
  source_names?: string[]
  destination_names?: string[]
  l7?: Layer7Message
  event_type?: { type?: number; sub_type?: number }
  source_service?: { name?: string; namespace?: string } | undefined
  destination_service?: { name?: string; namespace?: string } | undefined
  traffic_direction?: string
  policy_match_type?: number
  is_reply?: boolean
  Summary?: string
}

export interface NodeStatusEvent { state_change?: 'NODE_CONNECTED' | 'NODE_UNAVAILABLE' | 'NODE_GONE' | 'NODE_ERROR'; node_names?: string[]; message?: string }
export interface FlowsResponse { flow?: FlowMessage; node_status?: NodeStatusEvent; node_name: string; time: string }
export interface FlowsRequest { number?: string; first?: boolean; follow?: boolean; blacklist?: FilterMessage[]; whitelist?: FilterMessage[]; since?: string; until?: string }
/** Fields of FlowFilter: all of them have to match, of each any value. */
export type FilterMessage = Record<string, unknown[]>
export interface StatusResponse { num_flows?: string; max_flows?: string; seen_flows?: string; uptime_ns?: string; num_connected_nodes?: number; num_unavailable_nodes?: number; unavailable_nodes?: string[]; version?: string; flows_rate?: number }
export interface NodeMessage { name: string; version?: string; address?: string; state?: string; tls?: { enabled?: boolean; server_name?: string }; uptime_ns?: string; num_flows?: string; max_flows?: string; seen_flows?: string }
export interface NamespaceMessage { cluster?: string; namespace: string }
export interface ChangeNotification { name: string; address: string; type: 'PEER_ADDED' | 'PEER_DELETED' | 'PEER_UPDATED'; tls?: { server_name: string } }

export const METHODS = {
  flows: '/observer.Observer/GetFlows', status: '/observer.Observer/ServerStatus', nodes: '/observer.Observer/GetNodes', namespaces: '/observer.Observer/GetNamespaces', peers: '/peer.Peer/Notify',
} as const
