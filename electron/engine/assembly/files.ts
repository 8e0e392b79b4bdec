import { encodeBase64 } from '../kubernetes/base64.ts'
import { CLUSTER_CA } from '../kubernetes/cluster-ca.ts'
import { joinHostPort } from '../network/address.ts'
import { clientCredentials, type Holder } from '../node/pki.ts'
import { encodeUtf8 } from '../text.ts'

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

/** The student's home: a shell that knows `k`. */
export const LAPTOP_FILES: Readonly<Record<string, string>> = {
  [`${STUDENT.home}/.bashrc`]: 'HISTCONTROL=ignoreboth\nHISTSIZE=1000\nHISTFILESIZE=2000\nalias k=kubectl\nalias ll="ls -l"\n',
}

/** The administrator's kubeconfig, as `kubeadm init` says to copy it. */
export const LAPTOP_KUBECONFIG = `${STUDENT.home}/.kube/config`

/** A kubeconfig as kubeadm writes it, with the certificate within. `born`: ms since 1970. */
export function kubeadmConfig(holder: Extract<Holder, 'admin' | 'super-admin'>, { apiServer, seed, born }: { apiServer: string; seed: number; born: number }): string {
  const { certificate, key } = clientCredentials(holder, seed, born)
  const text = kubeconfig({
    server: `https://${joinHostPort(apiServer, 6443)}`,
    certificateAuthority: inBase64(CLUSTER_CA),
    user: { 'client-certificate-data': inBase64(certificate), 'client-key-data': inBase64(key) },
  })
  return holder === 'admin' ? text : text.replaceAll('kubernetes-admin', 'kubernetes-super-admin')
}

const inBase64 = (text: string): string => encodeBase64(encodeUtf8(text))

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
