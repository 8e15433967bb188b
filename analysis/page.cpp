// What every report carries: its styles, and the script that sorts tables and copies them.
#include "analysis/html.h"

namespace gyre::analysis {
namespace {

constexpr const char* kStyle = R"css(
:root{--ink:#1c1e21;--soft:#5b6168;--line:#d9dde1;--paper:#fff;--tint:#f5f7f9;--mark:#0b5cad;--good:#14713d;--doubt:#8a5a00}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:16px 20px 48px;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.7em;margin:.4em 0 .2em}h2{font-size:1.35em;margin:2em 0 .4em;padding-top:.6em;border-top:2px solid var(--ink);overflow-wrap:anywhere}
h3{font-size:1.1em;margin:1.6em 0 .5em}h4{font-size:1em;margin:0 0 .4em}
p{margin:.4em 0}a{color:var(--mark)}code{font:.85em/1.4 ui-monospace,"DejaVu Sans Mono",Consolas,monospace;overflow-wrap:anywhere}
.soft,figcaption,.notes,.source{color:var(--soft)}figcaption b{color:var(--ink)}
.notes{font-size:.85em;padding-left:1.2em}.notes li{margin:.2em 0;overflow-wrap:anywhere}
.source{font-size:.75em;max-height:4.2em;overflow:auto;overflow-wrap:anywhere}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:4px 18px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px}
.card{border:1px solid var(--line);border-radius:8px;padding:12px 14px;background:var(--tint);break-inside:avoid}
.card dl{margin:0}.card dt{font-size:.75em;text-transform:uppercase;letter-spacing:.05em;color:var(--soft);margin-top:.6em}
.card dd{margin:0;font-size:.92em;overflow-wrap:anywhere}.yes{color:var(--good);font-weight:600}.no{color:var(--doubt);font-weight:600}
.summary{font-size:1.05em;border-left:4px solid var(--mark);padding:.3em .9em;background:var(--tint)}
.wide{overflow-x:auto;margin:.3em 0 .6em;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;font-size:.88em;min-width:100%}
th,td{padding:5px 10px;text-align:left;border-top:1px solid var(--line);white-space:nowrap}
th.n{text-align:right}td.n{text-align:right;font-variant-numeric:tabular-nums}td.long{white-space:normal;min-width:16em}
th{background:var(--tint);cursor:pointer;user-select:none;border-top:0;vertical-align:bottom}
th::after{content:"\2195";color:#aab;margin-left:.35em;font-size:.85em}
th[aria-sort=ascending]::after{content:"\2191";color:var(--mark)}th[aria-sort=descending]::after{content:"\2193";color:var(--mark)}
td:first-child,th:first-child{position:sticky;left:0;background:var(--paper);z-index:1}th:first-child{background:var(--tint)}
td.best{font-weight:700;color:var(--good)}td.tied{font-style:italic}td.empty{color:var(--doubt)}
td small{font-weight:400;font-style:normal;color:var(--soft)}
.tools{display:flex;gap:8px;justify-content:flex-end;flex-wrap:wrap}
button{font:inherit;font-size:.78em;padding:3px 10px;border:1px solid var(--line);border-radius:6px;background:var(--paper);color:var(--mark);cursor:pointer}
figure{margin:1.4em 0;break-inside:avoid}figcaption{font-size:.9em;margin-bottom:.3em}
.plot{overflow-x:auto;border:1px solid var(--line);border-radius:6px;background:#fff}
.plot svg{display:block;width:100%;min-width:560px;max-width:860px;height:auto;margin:0 auto}
details{margin:.8em 0}summary{cursor:pointer;color:var(--mark)}
footer{margin-top:3em;border-top:1px solid var(--line);font-size:.85em;color:var(--soft)}
@media(max-width:600px){body{padding:10px 12px 32px;font-size:15px}.cards{grid-template-columns:1fr}h2{font-size:1.2em}}
@media print{body{max-width:none;padding:0;font-size:10pt}.tools,nav,th::after{display:none}.wide,.plot,.source{overflow:visible;max-height:none;border:0}
table{font-size:7.5pt}th,td{padding:2px 4px;white-space:normal}td:first-child,th:first-child{position:static}.plot svg{min-width:0;max-width:16cm}h2{break-before:page}h2:first-of-type{break-before:auto}.card{background:none}}
)css";

constexpr const char* kScript = R"js(
(function(){
"use strict";
function key(row,i){var c=row.cells[i],v=c.getAttribute("data-v");return v!==null?+v:c.classList.contains("n")?NaN:c.textContent.trim();}
function sort(th){
  var table=th.closest("table"),i=th.cellIndex,up=th.getAttribute("aria-sort")!=="ascending";
  table.querySelectorAll("th").forEach(function(h){h.removeAttribute("aria-sort");});
  th.setAttribute("aria-sort",up?"ascending":"descending");
  var body=table.tBodies[0],rows=Array.from(body.rows).map(function(r,n){return{r:r,k:key(r,i),n:n};});
  function missing(k){return k===""||(typeof k==="number"&&isNaN(k));}
  rows.sort(function(a,b){
    if(missing(a.k)||missing(b.k))return missing(a.k)-missing(b.k)||a.n-b.n;
    var d=typeof a.k==="number"&&typeof b.k==="number"?a.k-b.k:String(a.k)<String(b.k)?-1:String(a.k)>String(b.k)?1:0;
    return(up?d:-d)||a.n-b.n;});
  rows.forEach(function(x){body.appendChild(x.r);});
}
document.querySelectorAll("th").forEach(function(th){
  th.addEventListener("click",function(){sort(th);});
  th.addEventListener("keydown",function(e){if(e.key==="Enter"||e.key===" "){e.preventDefault();sort(th);}});
});
function grid(t){return Array.from(t.rows).map(function(r){return Array.from(r.cells).map(function(c){return c.textContent.trim();});});}
function csv(t){return grid(t).map(function(r){return r.map(function(x){return /[",\r\n]/.test(x)?'"'+x.replace(/"/g,'""')+'"':x;}).join(",");}).join("\r\n")+"\r\n";}
var tex={"\\":"\\textbackslash{}","{":"\\{","}":"\\}","_":"\\_","%":"\\%","&":"\\&","#":"\\#","$":"\\$","~":"\\textasciitilde{}","^":"\\textasciicircum{}","<":"\\textless{}",">":"\\textgreater{}","|":"\\textbar{}","\u00b1":"$\\pm$","\u00d7":"$\\times$","\u2020":"\\textdagger{}","\u03c1":"$\\rho$","[":"{[}","*":"{*}"};
function latex(t){
  var g=grid(t).map(function(r){return r.map(function(x){return x.replace(/[\\{}_%&#$~^<>|\u00b1\u00d7\u2020\u03c1\[*]/g,function(c){return tex[c];});}).join(" & ")+" \\\\";});
  return "% needs \\usepackage{booktabs}\n\\begin{tabular}{"+Array.from(t.rows[0].cells).map(function(c,i){var r=t.tBodies[0].rows[0];return r&&r.cells[i].classList.contains("n")?"r":"l";}).join("")+"}\n\\toprule\n"+g[0]+"\n\\midrule\n"+g.slice(1).join("\n")+"\n\\bottomrule\n\\end{tabular}\n";
}
function copy(text,done){
  function old(){var a=document.createElement("textarea");a.value=text;document.body.appendChild(a);a.select();var ok=false;try{ok=document.execCommand("copy");}catch(e){}a.remove();done(ok);}
  if(navigator.clipboard&&window.isSecureContext)navigator.clipboard.writeText(text).then(function(){done(true);},old);else old();
}
document.querySelectorAll("button[data-copy]").forEach(function(b){
  var label=b.textContent;
  b.addEventListener("click",function(){
    var kind=b.getAttribute("data-copy"),id=b.getAttribute("data-table"),made=document.getElementById(id+"-"+kind),t=document.getElementById(id);
    copy(made?made.value:kind==="csv"?csv(t):latex(t),function(ok){b.textContent=ok?"Copied":"Not allowed here";setTimeout(function(){b.textContent=label;},1500);});
  });
});
})();
)js";

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'; "
         "script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>" +
         html_text(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n" + body + "<script>" +
         kScript + "</script>\n</body>\n</html>\n";
}

}  // namespace gyre::analysis
