import json, re
from html.parser import HTMLParser
import pytest
from tests.ops.test_screens import *
from core import wording
class Reader(HTMLParser):
    def __init__(self):
        super().__init__(); self.texts=[]; self.skip=0; self.stack=[]
    def handle_starttag(self, tag, attrs):
        d=dict(attrs)
        if tag not in ('input','br','meta','link','img','hr','path','use','rect','line','circle','polyline'): self.stack.append((tag,d.get('class') or ''))
        for k in ('title','aria-label','placeholder','alt'):
            if d.get(k): self.texts.append((k,d[k]))
    def handle_endtag(self, tag):
        while self.stack:
            t,_=self.stack.pop()
            if t==tag: break
    def handle_data(self, data):
        if any(t in('script','style','kbd') for t,_ in self.stack): return
        if data.strip(): self.texts.append((self.stack[-1] if self.stack else ('',''),data.strip()))
@pytest.mark.django_db(transaction=True)
def test_pseudo(busy, desk, settings):
    settings.LOCALE_PATHS=['/tmp/i18n/pseudo']
    from django.utils.translation import trans_real
    trans_real._translations.clear(); wording._book.cache_clear(); wording._said.cache_clear()
    desk.cookies['language']='de'
    out={}
    from django.templatetags import i18n
    old=i18n.BlockTranslateNode.render
    def render(self,context,nested=False):
        try: return old(self,context,nested)
        except Exception: print('BAD',self.countervar,self.counter,repr(self.counter.resolve(context)),self.origin); raise
    i18n.BlockTranslateNode.render=render
    for name,url in busy.items():
        print(name); page=desk.get(url).content.decode()
        r=Reader(); r.feed(page)
        for where,t in r.texts:
            left=re.sub('⟦[^⟦⟧]*⟧','',t)
            left=re.sub('⟦|⟧.*','',left) if False else left
            if '⟦' in t: 
                depth=0;o=''
                for ch in t:
                    if ch=='⟦': depth+=1
                    elif ch=='⟧': depth-=1
                    elif depth==0: o+=ch
                left=o
            if re.search('[A-Za-z]{2}',left): out.setdefault(left.strip(),[]).append(f'{name} {where}')
    with open('/tmp/i18n/unsaid.txt','w') as f:
        for k,v in sorted(out.items(), key=lambda x:-len(x[1])): f.write(f'{len(v)}\t{k}\t{v[0]}\n')
    trans_real._translations.clear(); wording._book.cache_clear(); wording._said.cache_clear()
