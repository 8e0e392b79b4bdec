/** What lies on the machines when a cluster is born. */
export const STUDENT = { uid: 1000, gid: 1000, name: 'student', home: '/home/student' }

const NETWORK_TOOLS = ['arp', 'arping', 'curl', 'dig', 'host', 'ifconfig', 'ip', 'mtr', 'nc', 'ncat', 'netstat', 'nmap', 'nslookup', 'openssl', 'ping', 'ping6', 'route', 'ss', 'tcpdump', 'telnet', 'traceroute', 'tracepath', 'wget']
const ADMIN_TOOLS = ['bridge', 'brctl', 'conntrack', 'crictl', 'ctr', 'dmesg', 'etcdctl', 'etcdutl', 'ethtool', 'hostnamectl', 'ip6tables', 'ip6tables-restore', 'ip6tables-save', 'ipset', 'iptables', 'iptables-restore', 'iptables-save', 'ipvsadm', 'journalctl', 'kubeadm', 'kubelet', 'nft', 'pstree', 'sysctl', 'systemctl', 'vi', 'wg', 'xtables-monitor', 'nano']

export const LAPTOP_TOOLS: readonly string[] = [...NETWORK_TOOLS, 'websocat', 'kubectl', 'hop', 'jq', 'vi', 'vim', 'lsof', 'socat', 'tshark', 'nano', 'watch', 'sysctl', 'ssh', 'scp', 'sftp', 'ssh-keygen', 'ssh-copy-id']
/** What a node has besides: most of it says that it is not simulated, and what to use. */
const MORE_NODE_TOOLS = ['tc', 'nstat', 'lnstat', 'rtmon', 'lsof', 'socat', 'tshark', 'vim', 'iptables-legacy', 'ip6tables-legacy', 'iptables-legacy-save', 'ip6tables-legacy-save', 'ebtables', 'arptables', 'apt', 'apt-get', 'apt-cache', 'dpkg', 'ssh', 'scp', 'sftp', 'ssh-keygen', 'ssh-copy-id']
export const NODE_TOOLS: readonly string[] = [...NETWORK_TOOLS, ...ADMIN_TOOLS, 'jq', ...MORE_NODE_TOOLS]

/** The student's home: a shell that knows `k`. */
export const LAPTOP_FILES: Readonly<Record<string, string>> = {
  [`${STUDENT.home}/.bashrc`]: 'HISTCONTROL=ignoreboth\nHISTSIZE=1000\nHISTFILESIZE=2000\nalias k=kubectl\nalias ll="ls -l"\n',
}

/** Who the nodes are to `ssh`: their names, as an exam has them, and root as their administrator. */
export const LAPTOP_SSH_CONFIG = `${STUDENT.home}/.ssh/config`
export const sshConfig = (nodes: readonly { name: string; ip: string }[]): string => `${nodes.map(({ name, ip }) => `Host ${name} ${ip}\n  HostName ${ip}\n  User root\n`).join('')}`

/** The administrator's kubeconfig, as `kubeadm init` says to copy it. */
export const LAPTOP_KUBECONFIG = `${STUDENT.home}/.kube/config`
