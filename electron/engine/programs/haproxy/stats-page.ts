import type { Row } from './statistics.ts'

/** The page of "stats enable" (src/stats-html.c): a table for each proxy. What is not counted here is left out of it. */
const STYLE = `body { font-family: arial, helvetica, sans-serif; font-size: 12px; color: black; background: white;}
th,td { font-size: 10px; padding: 2px 4px; border: 1px solid #d0d0d0;}
h1 { font-size: x-large;} table { border-collapse: collapse; margin-bottom: 1em;}
.titre { background: #20D0D0; color: #000000; font-weight: bold;} th.pxname { background: #b00040; color: #ffff40; text-align: left;}
.frontend,.backend { background: #e8e8d0;} .active_up { background: #c0ffc0;} .active_going_down { background: #ffffa0;} .active_going_up { background: #ffd020;}
.active_down { background: #ff9090;} .active_no_check { background: #e0e0e0;} .maintain { background: #c07820;}`
const COLUMNS: readonly (readonly [title: string, column: string])[] = [
  ['Queue Cur', 'qcur'], ['Queue Max', 'qmax'], ['Sessions Cur', 'scur'], ['Sessions Max', 'smax'], ['Limit', 'slim'], ['Total', 'stot'], ['LbTot', 'lbtot'], ['Bytes In', 'bin'], ['Bytes Out', 'bout'], ['Denied Req', 'dreq'], ['Errors Req', 'ereq'], ['Errors Conn', 'econ'], ['Errors Resp', 'eresp'],
  ['Warnings Retr', 'wretr'], ['Warnings Redis', 'wredis'], ['Status', 'status'], ['LastChk', 'check_status'], ['Wght', 'weight'], ['Act', 'act'], ['Bck', 'bck'], ['Chk', 'chkfail'], ['Dwn', 'chkdown'],
]

export function statsPage(rows: readonly Row[], version: string, uptime: number): string {
  const proxies = [...new Set(rows.map((row) => String(row['pxname'])))]
  const seconds = Math.floor(uptime / 1000)
  const two = (n: number): string => String(n).padStart(2, '0')
  const tables = proxies.map((name) => {
    const own = rows.filter((row) => row['pxname'] === name && row['status'] !== 'MAINT')
    const resting = rows.filter((row) => row['pxname'] === name).length - own.length
    const lines = own.map((row) => `<tr class="${classOf(row)}"><td class=ac>${textOf(String(row['svname']).replace(/^(FRONT|BACK)END$/, (w) => w[0] + w.slice(1).toLowerCase()))}</td>${COLUMNS.map(([, column]) => `<td>${textOf(String(row[column] ?? ''))}</td>`).join('')}</tr>\n`)
    const note = resting > 0 ? `<p>${resting} server${resting === 1 ? '' : 's'} in maintenance (MAINT) not shown; they are in <a href="/;csv">CSV</a>.</p>\n` : ''
    return `<table class="tbl"><tr class="titre"><th class="pxname"><a name="${name}"></a>${textOf(name)}</th>${COLUMNS.map(([title]) => `<th>${title}</th>`).join('')}</tr>\n${lines.join('')}</table>\n${note}`
  })
  return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"
"http://www.w3.org/TR/html4/loose.dtd">
<html><head><title>Statistics Report for HAProxy</title>
<meta http-equiv="content-type" content="text/html; charset=iso-8859-1">
<style type="text/css"><!--
${STYLE}
--></style></head>
<body><h1>HAProxy version ${version}</h1>
<h2>Statistics Report</h2>
<hr width="100%" class="hr">
<h3>&gt; General process information</h3>
<p><b>uptime = </b> ${Math.floor(seconds / 86_400)}d ${Math.floor(seconds / 3600) % 24}h${two(Math.floor(seconds / 60) % 60)}m${two(seconds % 60)}s</p>
<ul><li><a href="/">Refresh now</a></li><li><a href="/;csv">CSV export</a></li></ul>
${tables.join('<p>\n')}</body></html>
`
}

function classOf(row: Row): string {
  const status = String(row['status'])
  if (row['type'] !== 2) return row['type'] === 0 ? 'frontend' : 'backend'
  if (status === 'no check') return 'active_no_check'
  return status.startsWith('UP') ? (status === 'UP' ? 'active_up' : 'active_going_down') : status === 'DOWN' ? 'active_down' : 'active_going_up'
}

function textOf(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
