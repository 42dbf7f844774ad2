"Every public name: `from fashion_tagger.all import *`"
from .schema import *
from .photos import *
from .sources import *
from .samples import *
from .formats import *
from .audit import *
from .data import *
from .models import *
from .losses import *
from .combinations import *
from .metrics import *
from .learner import *
from .label_errors import *
from .interpret import *
from .inference import *
from .export import *
from .report import *
