import { joinHostPort } from '../network/address.ts'

/** What lies on the machines when a cluster is born. */
export const STUDENT = { uid: 1000, gid: 1000, name: 'student', home: '/home/student' }

/** The one context name of `run`, `serve` and the app (design 5.3). */
export const CONTEXT = 'kubernetes-admin@podhop'

const NETWORK_TOOLS = ['arp', 'arping', 'curl', 'dig', 'host', 'ifconfig', 'ip', 'mtr', 'nc', 'ncat', 'netstat', 'nmap', 'nslookup', 'openssl', 'ping', 'ping6', 'route', 'ss', 'tcpdump', 'telnet', 'traceroute', 'tracepath', 'wget']
const ADMIN_TOOLS = ['bridge', 'brctl', 'conntrack', 'crictl', 'ctr', 'dmesg', 'etcdctl', 'etcdutl', 'ethtool', 'hostnamectl', 'ip6tables', 'ip6tables-restore', 'ip6tables-save', 'ipset', 'iptables', 'iptables-restore', 'iptables-save', 'ipvsadm', 'journalctl', 'kubeadm', 'kubelet', 'nft', 'pstree', 'sysctl', 'systemctl', 'vi', 'wg', 'nano']

export const LAPTOP_TOOLS: readonly string[] = [...NETWORK_TOOLS, 'websocat', 'kubectl', 'hop', 'jq', 'vi', 'vim', 'lsof', 'socat', 'tshark', 'nano', 'watch', 'sysctl']
/** What a node has besides: most of it says that it is not simulated, and what to use. */
const MORE_NODE_TOOLS = ['tc', 'nstat', 'lnstat', 'rtmon', 'lsof', 'socat', 'tshark', 'vim', 'iptables-legacy', 'ip6tables-legacy', 'iptables-legacy-save', 'ip6tables-legacy-save', 'ebtables', 'arptables', 'apt', 'apt-get', 'apt-cache', 'dpkg']
export const NODE_TOOLS: readonly string[] = [...NETWORK_TOOLS, ...ADMIN_TOOLS, 'jq', ...MORE_NODE_TOOLS]

/** The student's home: a kubeconfig as kubeadm writes it, and a shell that knows `k`. */
export function laptopFiles(controlPlane: string): Record<string, string> {
  return {
    [`${STUDENT.home}/.kube/config`]: kubeconfig({
      server: `https://${joinHostPort(controlPlane, 6443)}`,
      certificateAuthority: 'UE9ESE9Q',
      user: { 'client-certificate-data': 'UE9ESE9Q', 'client-key-data': 'UE9ESE9Q' },
    }),
    [`${STUDENT.home}/.bashrc`]: 'HISTCONTROL=ignoreboth\nHISTSIZE=1000\nHISTFILESIZE=2000\nalias k=kubectl\nalias ll="ls -l"\n',
  }
}

/** A kubeconfig for the cluster: the lab terminal's and those of real clients differ in how they get in only. */
export function kubeconfig(access: { server: string; certificateAuthority: string; user: Record<string, string> }): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${access.certificateAuthority}
    server: ${access.server}
  name: podhop
contexts:
- context:
    cluster: podhop
    user: kubernetes-admin
  name: ${CONTEXT}
current-context: ${CONTEXT}
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
${Object.entries(access.user).map(([key, value]) => `    ${key}: ${value}\n`).join('')}`
}
